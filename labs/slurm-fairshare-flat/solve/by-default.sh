# multifactor is what Slurm takes when nothing is said. Done from gpu1.
for node in ctl gpu1; do
    ssh $node "sed -i '/^PriorityType=/d; s/^PriorityWeightFairshare=.*/PriorityWeightFairshare=50000/; s/^PriorityDecayHalfLife=.*/PriorityDecayHalfLife=28-0/' /etc/slurm/slurm.conf"
done
scontrol reconfigure
