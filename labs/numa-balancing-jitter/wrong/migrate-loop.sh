# Carries the pages to the right node again and again, and leaves the threads where they are.
cat > /etc/systemd/system/carry.service <<'UNIT'
[Service]
ExecStart=/bin/sh -c 'while sleep 5; do migratepages $(systemctl show --property MainPID --value trainer) 0 1; done'
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now carry
