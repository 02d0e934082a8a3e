# All is right, and nobody told the controller.
sed -i '/NodeName=gpu2/s/gpu:l4:8/gpu:l4:4/' /etc/slurm/slurm.conf
for node in gpu1 gpu2; do
    ssh $node 'cat > /etc/slurm/slurm.conf' < /etc/slurm/slurm.conf
done
systemctl restart slurmctld
for node in gpu1 gpu2; do
    ssh $node systemctl restart slurmd
done
