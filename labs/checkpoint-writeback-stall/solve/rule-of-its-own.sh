# Leaves the other rule and says better after it.
cat > /etc/udev/rules.d/95-data-disk.rules <<'RULES'
ACTION!="remove", SUBSYSTEM=="block", ENV{DEVTYPE}=="disk", ENV{ID_SERIAL}=="data0", ATTR{queue/scheduler}="none", ATTR{queue/read_ahead_kb}="2048"
RULES
udevadm control --reload
udevadm trigger --settle --name-match=/dev/disk/by-id/virtio-data0
