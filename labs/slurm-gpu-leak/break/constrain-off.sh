# "Default" is not what somebody thought it was.
cat > /etc/slurm/cgroup.conf <<'CONF'
# What a job is held to. What is not written here is as the manual has it.
ConstrainCores=yes
ConstrainRAMSpace=yes
# Milliseconds; on a node that has just come up systemd is slow to answer.
SystemdTimeout=60000
CONF
touch -d '-19 days' /etc/slurm/cgroup.conf
