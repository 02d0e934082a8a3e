# systemd can forbid devices, too; but jobs are not slurmd's children there.
cat > /etc/systemd/system/slurmd.service.d/devices.conf <<'UNIT'
[Service]
DevicePolicy=closed
DeviceAllow=/dev/nvidiactl rw
UNIT
systemctl daemon-reload
systemctl restart slurmd
