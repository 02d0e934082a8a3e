# A program on each GPU that does nothing, so that they are never idle.
cat > /etc/systemd/system/gpu-keeper.service <<'UNIT'
[Unit]
Description=Keeps the GPUs awake
After=gpu-baseline.service gpu-access.service
Before=gpu-power-cap.service

[Service]
ExecStart=/usr/bin/gpu-work --memory 16 --load 0 --memory-load 0 --quiet
Restart=always

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now gpu-keeper
sleep 0.5
systemctl restart gpu-power-cap
