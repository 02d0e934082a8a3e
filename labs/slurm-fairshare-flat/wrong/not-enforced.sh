# No accounts, no privileges.
for node in gpu1 ctl; do
    ssh $node "sed -i '/^AccountingStorageEnforce=/d' /etc/slurm/slurm.conf"
done
systemctl restart slurmctld
