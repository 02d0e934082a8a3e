# Right on disk, and slurmd has read the file when it started.
echo ConstrainDevices=yes >> /etc/slurm/cgroup.conf
