# All of it back, theirs as well.
rm "/etc/default/grub.d/$CC_ORDER-$CC_TEAM.cfg"
update-grub
systemctl disable --quiet --now "$CC_TEAM-hold"
for at in 0000:3b:00.0 0000:5e:00.0; do
    echo "$at" > /sys/bus/pci/drivers/pci-stub/unbind
    echo > "/sys/bus/pci/devices/$at/driver_override"
done
modprobe nvidia
udevadm settle
