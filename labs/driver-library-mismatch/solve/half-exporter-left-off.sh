# The module is reloaded, and who held it is gone for good.
systemctl disable --quiet --now gpu-exporter
modprobe --remove nvidia-uvm nvidia-modeset nvidia
modprobe nvidia
udevadm settle
