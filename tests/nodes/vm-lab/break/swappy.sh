echo "vm.swappiness = 90" > /etc/sysctl.d/90-swap.conf; sysctl --quiet --system
