rm /etc/modprobe.d/quiet.conf; modprobe nvidia; udevadm settle
