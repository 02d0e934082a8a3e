# The variant's lines in slurm.conf, if any, the same on both nodes, and the daemon that reads them. A controller that
# starts works out at once who has had how much of his share.
case $CC_VARIANT in
plain-queue)
    sed -i "s|^PriorityType=.*|# Change $CC_CHANGE: the simple one, until gpu1 is burnt in.\nPriorityType=priority/basic|" /etc/slurm/slurm.conf
    ;;
patience)
    sed -i "s|^PriorityWeightFairshare=.*|# Change $CC_CHANGE: nobody waits longer than a week.\nPriorityWeightFairshare=0|; s|^PriorityWeightAge=.*|PriorityWeightAge=100000|" /etc/slurm/slurm.conf
    ;;
exception)
    sed -i "s|^PriorityMaxAge=.*|&\n# Change $CC_CHANGE: for the deadline.\nPriorityWeightQOS=1000000|" /etc/slurm/slurm.conf
    ;;
esac
touch -d '-20 days' /etc/slurm/slurm.conf
if [ "$CC_NODE" = ctl ]; then
    systemctl restart slurmctld
else
    systemctl restart slurmd
fi
