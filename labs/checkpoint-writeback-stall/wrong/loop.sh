cat > /etc/systemd/system/debt.service <<'UNIT'
[Service]
ExecStart=/bin/sh -c 'while sleep 2; do echo 16777216 > /proc/sys/vm/dirty_background_bytes; echo 67108864 > /proc/sys/vm/dirty_bytes; done'
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now debt
sleep 3
