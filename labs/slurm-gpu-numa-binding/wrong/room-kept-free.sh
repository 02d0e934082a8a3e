# Half of each socket is kept for jobs with GPUs: they find room, and nobody else may fill the node.
sed -i '/^PartitionName=/s/$/ MaxCPUsPerSocket=56/' /etc/slurm/slurm.conf
for node in gpu1 gpu2; do
    ssh $node 'cat > /etc/slurm/slurm.conf' < /etc/slurm/slurm.conf
    ssh $node systemctl restart slurmd
done
systemctl restart slurmctld
