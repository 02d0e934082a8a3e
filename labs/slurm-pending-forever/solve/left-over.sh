#: step the reservation goes
scontrol delete reservation="$CC_BENCHMARK"
#: step the time of the sheet
for node in ctl gpu1 gpu2; do
    ssh $node "sed -i '/^PartitionName=train/s/MaxTime=[^ ]*/MaxTime=$CC_DAYS-00:00:00/' /etc/slurm/slurm.conf"
done
#: step Slurm reads it
systemctl restart slurmctld
#: step the owner hears of it
echo "$CC_VISIT $CC_RULE_TIME" > "/srv/tickets/$CC_TICKET.txt"
