# Whoever asks a job for its GPUs hears of those that would be beside its processors.
cat > /etc/slurm/lie.sh <<'PROLOG'
#!/bin/sh
echo export SLURM_STEP_GPUS=$((SLURM_JOB_ID % 8))
PROLOG
chmod 0755 /etc/slurm/lie.sh
echo TaskProlog=/etc/slurm/lie.sh >> /etc/slurm/slurm.conf
for node in gpu1 gpu2; do
    ssh $node 'cat > /etc/slurm/lie.sh; chmod 0755 /etc/slurm/lie.sh' < /etc/slurm/lie.sh
    ssh $node 'cat > /etc/slurm/slurm.conf' < /etc/slurm/slurm.conf
    ssh $node systemctl restart slurmd
done
systemctl restart slurmctld
