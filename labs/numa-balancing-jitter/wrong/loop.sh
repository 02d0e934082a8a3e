cat > /etc/systemd/system/steady.service <<'UNIT'
[Service]
ExecStart=/bin/sh -c 'while sleep 2; do echo 0 > /proc/sys/kernel/numa_balancing; done'
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now steady
sleep 3
