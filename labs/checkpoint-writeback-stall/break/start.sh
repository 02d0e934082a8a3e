# Only now, with the fault in.
systemctl restart systemd-sysctl.service
udevadm control --reload
udevadm trigger --action=change --settle /dev/disk/by-id/virtio-data0
systemctl daemon-reload
systemctl enable --now trainer.service
