#: step take the module that DKMS installed
rm -r /opt/nvidia-debug /etc/modprobe.d/nvidia-debug.conf
