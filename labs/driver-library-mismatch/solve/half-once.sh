# Round the command, this once.
systemctl stop gpu-exporter
modprobe --remove nvidia-uvm nvidia-modeset nvidia
modprobe --ignore-install nvidia
udevadm settle
systemctl start gpu-exporter
