#: step nobody is spared
for node in ctl gpu1 gpu2; do
    ssh $node "sed -i 's/^PreemptExemptTime=.*/PreemptExemptTime=00:00:00/' /etc/slurm/slurm.conf"
done
#: step Slurm reads it
systemctl restart slurmctld
