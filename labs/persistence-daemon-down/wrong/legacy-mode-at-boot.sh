# What every second answer on the web says.
cat > /etc/systemd/system/persistence-mode.service <<'UNIT'
[Unit]
Description=Persistence mode
After=gpu-baseline.service
Before=gpu-power-cap.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/nvidia-smi -pm 1

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now persistence-mode
systemctl restart gpu-power-cap
