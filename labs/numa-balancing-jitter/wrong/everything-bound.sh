# The whole system on the accelerator's node.
sed -i '/numa_balancing/d' /etc/sysctl.d/99-vendor.conf
sysctl --system
install -d /etc/systemd/system.conf.d
printf '[Manager]\nCPUAffinity=2-3\nNUMAPolicy=bind\nNUMAMask=1\n' > /etc/systemd/system.conf.d/numa.conf
systemctl daemon-reexec
systemctl restart trainer labeldb
