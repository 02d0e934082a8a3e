# The new module where the old one was.
cp "/lib/modules/$(uname -r)/updates/dkms/nvidia.ko.xz" /opt/nvidia-debug/
