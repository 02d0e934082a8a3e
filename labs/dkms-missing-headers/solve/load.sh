#: step load the module
modprobe nvidia
udevadm settle
