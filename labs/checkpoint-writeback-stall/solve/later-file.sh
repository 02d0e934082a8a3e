# Has the last word, whatever stands before it.
cat > /etc/sysctl.d/95-debt.conf <<'SYSCTL'
vm.dirty_background_bytes = 16777216
vm.dirty_bytes = 67108864
vm.dirty_writeback_centisecs = 300
SYSCTL
systemctl restart systemd-sysctl
