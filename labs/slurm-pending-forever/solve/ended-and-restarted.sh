# From gpu1: the reservation ends now instead of being deleted, the time in minutes, and the daemons anew.
scontrol update reservationname="$CC_BENCHMARK" endtime=now+1second
sed -i "/^PartitionName=train/s/MaxTime=[^ ]*/MaxTime=$((CC_DAYS * 1440))/" /etc/slurm/slurm.conf
for node in ctl gpu2; do
    scp -q /etc/slurm/slurm.conf $node:/etc/slurm/slurm.conf
done
ssh ctl systemctl restart slurmctld
for node in gpu1 gpu2; do
    ssh $node systemctl restart slurmd
done
ssh ctl "cat > /srv/tickets/$CC_TICKET.txt" <<< "$CC_VISIT $CC_RULE_TIME"
