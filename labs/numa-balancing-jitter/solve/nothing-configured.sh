#: step balancing off
echo 'kernel.numa_balancing = 0' > /etc/sysctl.d/60-numa.conf
sysctl -p /etc/sysctl.d/60-numa.conf
