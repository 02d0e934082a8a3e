# Waiting does not count at all: among equals the lower number goes first anyway.
for node in gpu1 ctl; do
    ssh $node "sed -i '/nobody waits/d; s/^PriorityWeightFairshare=.*/PriorityWeightFairshare=10000/; /^PriorityWeightAge=/d' /etc/slurm/slurm.conf"
done
systemctl restart slurmctld
