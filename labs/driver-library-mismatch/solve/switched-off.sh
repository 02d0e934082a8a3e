# Kept for whoever still looks for those hangs, in a place where modprobe does not look.
mv /etc/modprobe.d/nvidia-debug.conf /opt/nvidia-debug/
