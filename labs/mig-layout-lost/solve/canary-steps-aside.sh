# The canary may be early; the layout sends it away for a moment.
install -d /etc/systemd/system/mig-layout.service.d
cat > /etc/systemd/system/mig-layout.service.d/canary.conf <<'DROPIN'
[Service]
ExecStartPre=-/usr/bin/systemctl stop gpu-canary.service
ExecStartPost=/usr/bin/systemctl start --no-block gpu-canary.service
DROPIN
systemctl daemon-reload
systemctl restart mig-layout
systemctl start notebook-pool
