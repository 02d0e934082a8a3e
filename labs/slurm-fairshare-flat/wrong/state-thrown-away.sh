# A controller without memories.
systemctl stop slurmctld
rm -rf /var/lib/slurm/slurmctld/*
systemctl start slurmctld
