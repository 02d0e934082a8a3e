#: step reload the module
systemctl stop gpu-exporter
modprobe --remove nvidia-uvm nvidia-modeset nvidia
modprobe nvidia
udevadm settle
systemctl start gpu-exporter
