# Debian's systemd does not read this file when it starts.
echo 'kernel.numa_balancing = 0' >> /etc/sysctl.conf
sysctl -p
