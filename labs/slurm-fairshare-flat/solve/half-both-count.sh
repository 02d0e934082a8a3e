# Fair-share counts again, and a day of waiting still outweighs it.
for node in gpu1 ctl; do
    ssh $node "sed -i 's/^PriorityWeightFairshare=.*/PriorityWeightFairshare=20000/' /etc/slurm/slurm.conf"
done
scontrol reconfigure
