echo '* * * * * root /usr/sbin/sysctl -q -w kernel.numa_balancing=0' > /etc/cron.d/steady
sysctl -w kernel.numa_balancing=0
