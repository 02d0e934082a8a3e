# By hand, at every start.
cat > /usr/local/sbin/rebind-gpu <<'SCRIPT'
#!/bin/sh
echo 0000:3b:00.0 > /sys/bus/pci/drivers/pci-stub/unbind
echo > /sys/bus/pci/devices/0000:3b:00.0/driver_override
modprobe nvidia
SCRIPT
chmod 755 /usr/local/sbin/rebind-gpu
cat > /etc/systemd/system/rebind-gpu.service <<'UNIT'
[Unit]
Description=GPU back to the host
After=systemd-udev-settle.service
Wants=systemd-udev-settle.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/rebind-gpu

[Install]
WantedBy=multi-user.target
UNIT
systemctl enable --quiet --now rebind-gpu
udevadm settle
