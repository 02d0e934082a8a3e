# Nobody runs on the far node that has no processors.
cat > /etc/systemd/system/far-node-off.service <<'UNIT'
[Unit]
Before=trainer.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo 0 > /sys/devices/system/cpu/cpu1/online'
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now far-node-off
sed -i '/numa_balancing/d' /etc/sysctl.d/99-vendor.conf
sysctl --system
systemctl restart trainer
