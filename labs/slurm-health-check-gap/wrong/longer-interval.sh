# Gives the gate the time that it takes.
for node in ctl gpu1 gpu2 gpu3; do
    ssh $node "sed -i 's/^HealthCheckInterval=.*/HealthCheckInterval=120/' /etc/slurm/slurm.conf"
done
systemctl restart slurmctld
