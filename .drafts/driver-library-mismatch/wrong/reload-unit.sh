# Loads the right module after the wrong one, at every start.
cat > /etc/systemd/system/nvidia-reload.service <<'UNIT'
[Unit]
Description=Load the driver again
After=systemd-udev-settle.service
Before=gpu-exporter.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'modprobe --remove nvidia-uvm nvidia-modeset nvidia; modprobe nvidia; udevadm settle'

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --quiet nvidia-reload
