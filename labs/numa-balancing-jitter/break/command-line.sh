cat > /etc/sysctl.d/30-node.conf <<'SYSCTL'
vm.swappiness = 10
SYSCTL
sysctl -q -p /etc/sysctl.d/30-node.conf
sed -i 's/^GRUB_CMDLINE_LINUX=.*/GRUB_CMDLINE_LINUX="numa_balancing=enable"/' /etc/default/grub
grep -q numa_balancing=enable /etc/default/grub
update-grub 2>/dev/null
install -d /etc/systemd/system/trainer.service.d
cat > /etc/systemd/system/trainer.service.d/10-placement.conf <<'DROPIN'
# Beside the accelerator. Same file on all nodes, both chassis.
[Service]
CPUAffinity=0-1
DROPIN
touch -d '-40 days' /etc/sysctl.d/30-node.conf
touch -d '-2 days' /etc/default/grub /etc/systemd/system/trainer.service.d/10-placement.conf
