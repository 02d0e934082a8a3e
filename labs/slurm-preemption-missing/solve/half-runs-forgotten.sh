# Right for whatever is submitted from now on.
for node in ctl gpu1 gpu2; do
    ssh $node "sed -i 's/^JobRequeue=.*/JobRequeue=1/' /etc/slurm/slurm.conf"
done
systemctl restart slurmctld
