echo "blacklist nvidia" > /etc/modprobe.d/quiet.conf; modprobe -r nvidia-uvm nvidia-modeset nvidia
