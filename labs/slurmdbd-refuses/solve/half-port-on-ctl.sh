# The new port, where it hurt.
echo "AccountingStoragePort=$CC_PORT" >> /etc/slurm/slurm.conf
systemctl restart slurmctld
