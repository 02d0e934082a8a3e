# The package's file as it is, and a word of the node's own, which DKMS reads later: the whole series.
echo "BUILD_EXCLUSIVE_KERNEL='^6\\.12\\.[0-9]+\\+'" > /etc/dkms/nvidia.conf
dkms install -m nvidia -v 580.105.08 -k "$(uname -r)"
