# Whatever kernel starts gets the module then, a minute or two late.
cat > /etc/systemd/system/nvidia-build.service <<'UNIT'
[Unit]
Description=NVIDIA module for the kernel that runs

[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/bin/sh -c 'dkms install nvidia/580.105.08 -k $$(uname -r) && modprobe nvidia'

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --quiet --now nvidia-build.service
