# The gate was off, so on with it.
for node in ctl gpu1 gpu2 gpu3; do
    ssh $node "sed -i 's/^HealthCheckInterval=0/HealthCheckInterval=5/' /etc/slurm/slurm.conf"
done
scontrol reconfigure
