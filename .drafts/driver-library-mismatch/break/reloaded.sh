# The node has been restarted since the new driver came: its module is in the kernel. Nobody holds it here yet.
modprobe --remove nvidia-uvm nvidia-modeset nvidia
modprobe nvidia
udevadm settle
