# No limit of the place where somebody happens to submit is any of the job's business.
for node in ctl gpu1 gpu2; do
    ssh $node "sed -i 's/^PropagateResourceLimitsExcept=.*/PropagateResourceLimits=NONE/' /etc/slurm/slurm.conf"
done
ssh ctl systemctl restart slurmctld
for node in gpu1 gpu2; do
    ssh $node systemctl restart slurmd
done
