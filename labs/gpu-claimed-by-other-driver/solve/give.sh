#: step give it to nvidia
echo 0000:3b:00.0 > /sys/bus/pci/drivers/pci-stub/unbind
echo > /sys/bus/pci/devices/0000:3b:00.0/driver_override
modprobe nvidia
udevadm settle
