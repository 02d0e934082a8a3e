# From gpu1: the cluster cancels, research is put back, and the daemons start anew.
sed -i '/^PreemptParameters=/i PreemptType=preempt/qos\nPreemptMode=CANCEL' /etc/slurm/slurm.conf
for node in ctl gpu2; do
    scp -q /etc/slurm/slurm.conf $node:/etc/slurm/slurm.conf
done
ssh ctl 'sacctmgr --immediate modify qos research set preemptmode=requeue; systemctl restart slurmctld'
for node in gpu1 gpu2; do
    ssh $node systemctl restart slurmd
done
