# Right where slurmctld reads it; two other nodes have another file.
sed -i '/^PreemptParameters=/i PreemptType=preempt/qos\nPreemptMode=REQUEUE' /etc/slurm/slurm.conf
systemctl restart slurmctld
