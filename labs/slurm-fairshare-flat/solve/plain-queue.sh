#: step what was used counts
sed -i 's|^PriorityType=.*|PriorityType=priority/multifactor|' /etc/slurm/slurm.conf
#: step the same file everywhere
ssh gpu1 'cat > /etc/slurm/slurm.conf' < /etc/slurm/slurm.conf
#: step the controller reads it
systemctl restart slurmctld
