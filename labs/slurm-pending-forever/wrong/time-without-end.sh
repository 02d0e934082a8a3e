# As long as anybody likes.
scontrol delete reservation="$CC_BENCHMARK"
for node in ctl gpu1 gpu2; do
    ssh $node "sed -i '/^PartitionName=train/s/MaxTime=[^ ]*/MaxTime=INFINITE/' /etc/slurm/slurm.conf"
done
systemctl restart slurmctld
