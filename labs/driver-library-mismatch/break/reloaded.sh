# The node has been restarted since the new driver came: its module is in the kernel, and the exporter has its library.
modprobe --remove nvidia-uvm nvidia-modeset nvidia
modprobe nvidia
udevadm settle
systemctl start gpu-exporter
