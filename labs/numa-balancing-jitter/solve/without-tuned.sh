# No tuned, and what its profile was good for in sysctl.d.
systemctl disable --now tuned
printf 'vm.swappiness = 10\nvm.dirty_background_ratio = 5\n' > /etc/sysctl.d/55-node.conf
systemctl restart systemd-sysctl
