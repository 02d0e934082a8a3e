# The site's file stays; what comes after it counts.
cat > /etc/systemd/system/nvidia-persistenced.service.d/zz-hold.conf <<'DROPIN'
[Service]
ExecStart=
ExecStart=/usr/bin/nvidia-persistenced --user nvpd --persistence-mode
ExecStartPost=+/usr/bin/systemctl restart --no-block gpu-power-cap.service
DROPIN
systemctl daemon-reload
systemctl restart nvidia-persistenced
