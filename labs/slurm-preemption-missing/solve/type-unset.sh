#: step who displaces whom is told by the QOS, and how
for node in ctl gpu1 gpu2; do
    ssh $node "sed -i '/^PreemptParameters=/i PreemptType=preempt/qos\nPreemptMode=REQUEUE' /etc/slurm/slurm.conf"
done
#: step Slurm reads it
systemctl restart slurmctld
