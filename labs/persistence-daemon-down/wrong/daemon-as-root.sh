# Root needs no account and no group.
cat > /etc/systemd/system/nvidia-persistenced.service.d/zz-root.conf <<'DROPIN'
[Service]
ExecStart=
ExecStart=/usr/bin/nvidia-persistenced
DROPIN
systemctl daemon-reload
systemctl reset-failed nvidia-persistenced
systemctl restart nvidia-persistenced
systemctl restart gpu-power-cap
