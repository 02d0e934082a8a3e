cat > /etc/sysctl.d/50-gpu.conf <<'SYSCTL'
# GPU nodes: steady steps.
vm.swappiness = 10
kernel.numa_balancing = 0
SYSCTL
cat > /etc/sysctl.d/99-vendor.conf <<'SYSCTL'
# Defaults of the vendor's node image, general purpose. Do not edit.
kernel.numa_balancing = 1
kernel.sched_autogroup_enabled = 0
kernel.panic = 10
SYSCTL
systemctl restart systemd-sysctl.service
touch -d '-40 days' /etc/sysctl.d/50-gpu.conf
touch -d '-2 days' /etc/sysctl.d/99-vendor.conf
