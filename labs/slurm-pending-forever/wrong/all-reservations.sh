# All that is reserved, the calendar's day with it; and the rest as it should be.
for name in quarterly "$CC_BENCHMARK"; do
    scontrol delete reservation="$name"
done
for node in ctl gpu1 gpu2; do
    ssh $node "sed -i '/^PartitionName=train/s/MaxTime=[^ ]*/MaxTime=$CC_DAYS-00:00:00/' /etc/slurm/slurm.conf"
done
systemctl restart slurmctld
echo "$CC_VISIT $CC_RULE_TIME" > "/srv/tickets/$CC_TICKET.txt"
