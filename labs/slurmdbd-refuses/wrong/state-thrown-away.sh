# The controller forgets everything, and with it what it had to tell.
systemctl stop slurmctld
rm -rf /var/lib/slurm/slurmctld/*
systemctl start slurmctld
