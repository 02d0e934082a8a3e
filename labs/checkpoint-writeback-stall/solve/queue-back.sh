#: step the queue of the installer
rm /etc/udev/rules.d/90-fair-queue.rules
udevadm control --reload
udevadm trigger --action=change --settle /dev/disk/by-id/virtio-data0
