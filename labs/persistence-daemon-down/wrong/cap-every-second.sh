# Once more, and once more, for ever.
cat > /etc/systemd/system/power-cap-loop.service <<UNIT
[Unit]
Description=Power cap of the GPUs, every second

[Service]
ExecStart=/bin/sh -c 'while :; do nvidia-smi -pl $CC_WATTS; sleep 1; done'
StandardOutput=null

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl mask --now nvidia-persistenced
systemctl enable --now power-cap-loop
