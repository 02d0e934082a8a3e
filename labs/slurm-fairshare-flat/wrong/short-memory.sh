# What was used is forgotten within the hour.
for node in gpu1 ctl; do
    ssh $node "sed -i 's/^PriorityDecayHalfLife=.*/PriorityDecayHalfLife=14/; s/^PriorityWeightFairshare=.*/PriorityWeightFairshare=100000/; s/^PriorityWeightAge=.*/PriorityWeightAge=1000/' /etc/slurm/slurm.conf"
done
scontrol reconfigure
