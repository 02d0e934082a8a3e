#: step a job is held to its devices
echo ConstrainDevices=yes >> /etc/slurm/cgroup.conf
systemctl restart slurmd
