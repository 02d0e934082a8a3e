# The right queue, for every disk.
cat > /etc/udev/rules.d/90-fair-queue.rules <<'RULES'
ACTION=="add|change", SUBSYSTEM=="block", KERNEL=="vd*", ATTR{queue/scheduler}="none", ATTR{queue/read_ahead_kb}="4096"
RULES
udevadm control --reload
udevadm trigger --action=change --settle --subsystem-match=block
