# The GPUs changed hands on a node that ran, and it has not been restarted since. The rule's turn comes last: a GPU that
# udev adds makes it load nvidia, which takes what is free.
modprobe -r nvidia-uvm nvidia-modeset nvidia
case $CC_VARIANT in
old-copy | boot-line) modprobe pci-stub ids=10de:2331 ;;
esac
systemctl start "$CC_TEAM-hold"
if [ "$CC_VARIANT" = udev-rule ]; then
    udevadm trigger --action=add --settle /sys/bus/pci/devices/0000:3b:00.0
fi
! modprobe -q nvidia
