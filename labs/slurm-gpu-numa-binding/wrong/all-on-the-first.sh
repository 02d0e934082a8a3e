# Cores are there now: those that the line before had when the machine had four GPUs.
sed -i '/^NodeName=gpu1 /c NodeName=gpu1 Name=gpu Type=h100 File=/dev/nvidia[0-7] Cores=0-55' /etc/slurm/gres.conf
for node in gpu1 gpu2; do
    ssh $node 'cat > /etc/slurm/gres.conf' < /etc/slurm/gres.conf
    ssh $node systemctl restart slurmd
done
systemctl restart slurmctld
