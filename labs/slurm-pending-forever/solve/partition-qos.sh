#: step no QOS of the partition's own
for node in ctl gpu1 gpu2; do
    ssh $node "sed -i '/^PartitionName=train/s/ QOS=debug//' /etc/slurm/slurm.conf"
done
#: step Slurm reads it
systemctl restart slurmctld
#: step the owner hears of it
echo "$CC_VISIT $CC_RULE_DEBUG" > "/srv/tickets/$CC_TICKET.txt"
