# The four that get the right cores will do.
sed -i '/nvidia\[4-5\]/d; /nvidia\[2-3\]/d' /etc/slurm/gres.conf
sed -i '/^NodeName=gpu1 /s/gpu:h100:8/gpu:h100:4/' /etc/slurm/slurm.conf
for node in gpu1 gpu2; do
    ssh $node 'cat > /etc/slurm/gres.conf' < /etc/slurm/gres.conf
    ssh $node 'cat > /etc/slurm/slurm.conf' < /etc/slurm/slurm.conf
    ssh $node systemctl restart slurmd
done
systemctl restart slurmctld
