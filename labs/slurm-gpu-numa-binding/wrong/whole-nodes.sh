# Whoever has the node has all of it, and nothing is far from anything.
sed -i '/^PartitionName=/s/OverSubscribe=NO/OverSubscribe=EXCLUSIVE/' /etc/slurm/slurm.conf
for node in gpu1 gpu2; do
    ssh $node 'cat > /etc/slurm/slurm.conf' < /etc/slurm/slurm.conf
    ssh $node systemctl restart slurmd
done
systemctl restart slurmctld
