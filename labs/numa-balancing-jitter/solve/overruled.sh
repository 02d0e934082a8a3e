#: step balancing off
sed -i '/numa_balancing/d' /etc/sysctl.d/99-vendor.conf
sysctl --system
