# The daemon of each new step reads the file for itself.
echo ConstrainDevices=yes >> /etc/slurm/cgroup.conf
