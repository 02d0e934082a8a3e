# Right in the file, of which slurmctld has not heard.
for node in ctl gpu1 gpu2; do
    ssh $node "sed -i 's/^PreemptExemptTime=.*/PreemptExemptTime=00:00:00/' /etc/slurm/slurm.conf"
done
