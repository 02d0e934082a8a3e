# The module by make, and DKMS knows nothing of it.
cp -r /usr/src/nvidia-580.105.08 /root/nvidia
cd /root/nvidia
make
install -D -m 644 -t "/lib/modules/$(uname -r)/updates/dkms" nvidia.ko nvidia-uvm.ko nvidia-modeset.ko
depmod
sync
