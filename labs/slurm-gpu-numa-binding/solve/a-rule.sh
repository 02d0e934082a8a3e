#: step near is a rule
sed -i 's/^SelectTypeParameters=.*/SelectTypeParameters=CR_Core,ENFORCE_BINDING_GRES/' /etc/slurm/slurm.conf
#: step the same file everywhere
for node in gpu1 gpu2; do
    ssh $node 'cat > /etc/slurm/slurm.conf' < /etc/slurm/slurm.conf
done
# srun and sbatch read it for themselves; whoever asks slurmctld shall hear the same.
systemctl restart slurmctld
for node in gpu1 gpu2; do
    ssh $node systemctl restart slurmd
done
