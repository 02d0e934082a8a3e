# All of it right, in the running system alone.
sysctl -w kernel.numa_balancing=0
pid=$(systemctl show --property MainPID --value trainer)
taskset --all-tasks --cpu-list --pid 2-3 "$pid"
migratepages "$pid" 0 1
