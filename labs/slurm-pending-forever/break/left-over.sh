# What a benchmark wanted, and took for as long as it pleased.
sed -i '/^PartitionName=train/s/MaxTime=[^ ]*/MaxTime=01:00:00/' /etc/slurm/slurm.conf
[ "$CC_NODE" = ctl ] || exit 0
scontrol update partitionname=train maxtime=01:00:00
scontrol --quiet create reservation reservationname="$CC_BENCHMARK" starttime=now duration=infinite nodes=gpu2 users=root
