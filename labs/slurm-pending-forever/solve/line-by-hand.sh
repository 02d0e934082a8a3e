# The whole line anew, and slurmctld restarted instead of told.
for node in ctl gpu1 gpu2; do
    ssh $node "sed -i '/^PartitionName=train/d' /etc/slurm/slurm.conf
        echo 'PartitionName=train Nodes=gpu[1-2] Default=YES MaxTime=$CC_DAYS-00:00:00' >> /etc/slurm/slurm.conf"
done
systemctl restart slurmctld
ssh gpu1 systemctl restart slurmd
ssh gpu2 systemctl restart slurmd
echo "$CC_VISIT: $CC_RULE_DEBUG" > "/srv/tickets/$CC_TICKET.txt"
