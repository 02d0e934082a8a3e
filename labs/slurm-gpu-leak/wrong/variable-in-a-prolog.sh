# Tells each task once more what it may see.
cat > /etc/slurm/task-prolog <<'SH'
#!/bin/sh
echo "export CUDA_VISIBLE_DEVICES=$SLURM_STEP_GPUS"
echo "export NVIDIA_VISIBLE_DEVICES=$SLURM_STEP_GPUS"
SH
chmod 0755 /etc/slurm/task-prolog
echo 'TaskProlog=/etc/slurm/task-prolog' >> /etc/slurm/slurm.conf
systemctl restart slurmctld slurmd
