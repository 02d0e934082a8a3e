#: step balancing off
sed -i 's/numa_balancing=enable/numa_balancing=disable/' /etc/default/grub
update-grub
#: step off for now
sysctl -w kernel.numa_balancing=0
