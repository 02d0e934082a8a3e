# As on the twin.
echo 0000:3b:00.0 > /sys/bus/pci/drivers/pci-stub/unbind
modprobe nvidia
udevadm settle
