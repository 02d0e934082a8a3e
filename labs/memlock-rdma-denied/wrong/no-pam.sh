# Without sessions there are no limits of sessions, and none of the others either.
for node in ctl gpu1 gpu2; do
    ssh $node "sed -i 's/^UsePAM=.*/UsePAM=0/' /etc/slurm/slurm.conf"
done
scontrol reconfigure
