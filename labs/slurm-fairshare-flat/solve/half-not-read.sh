# Right on disk, and the controller was not told.
for node in gpu1 ctl; do
    ssh $node "sed -i 's|^PriorityType=.*|PriorityType=priority/multifactor|' /etc/slurm/slurm.conf"
done
