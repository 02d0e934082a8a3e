# Everybody is told the new port.
for node in gpu1 ctl; do
    ssh $node "echo AccountingStoragePort=$CC_PORT >> /etc/slurm/slurm.conf"
done
scontrol reconfigure
