# A cluster that keeps no books misses none.
for node in gpu1 ctl; do
    ssh $node "sed -i '/^AccountingStorage/d' /etc/slurm/slurm.conf"
done
systemctl restart slurmctld
