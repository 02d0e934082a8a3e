# The device is taken off the bus and found again, as a new one that nobody asks for.
rm "/etc/udev/rules.d/$CC_ORDER-$CC_TEAM.rules"
udevadm control --reload
echo 1 > /sys/bus/pci/devices/0000:3b:00.0/remove
echo 1 > /sys/bus/pci/rescan
udevadm settle
