# Right where the controller reads it, and another truth on gpu1.
sed -i 's|^PriorityType=.*|PriorityType=priority/multifactor|' /etc/slurm/slurm.conf
systemctl restart slurmctld
