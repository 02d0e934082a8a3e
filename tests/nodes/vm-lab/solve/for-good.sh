echo "vm.swappiness = 10" > /etc/sysctl.d/90-swap.conf; sysctl --quiet --system
