# Research is stopped where it stands, and keeps its GPUs.
for node in ctl gpu1 gpu2; do
    ssh $node "sed -i '/^PreemptParameters=/i PreemptType=preempt/qos\nPreemptMode=SUSPEND,GANG' /etc/slurm/slurm.conf
        sed -i '/^PartitionName=/s/OverSubscribe=NO/OverSubscribe=FORCE:1/' /etc/slurm/slurm.conf"
done
systemctl restart slurmctld
for node in gpu1 gpu2; do
    ssh $node systemctl restart slurmd
done
