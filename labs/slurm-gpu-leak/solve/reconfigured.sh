# The daemons are told, and not restarted.
sed -i 's/^ConstrainCores=yes/&\nConstrainDevices=Yes/' /etc/slurm/cgroup.conf
scontrol reconfigure
