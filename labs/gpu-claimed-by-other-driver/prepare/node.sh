# How the other team holds what is theirs: one GPU, by its address, before udev looks for drivers.
team=$CC_TEAM
install -d "/etc/$team" "/opt/$team"

cat > "/etc/$team/devices" <<LIST
# What $team has of this node, by address. $team-hold gives it to pci-stub.
0000:5e:00.0
LIST
cat > "/opt/$team/hold" <<'SCRIPT'
#!/bin/sh
# Gives the devices of a list to pci-stub, whoever else would like to have them.
set -eu
bus=/sys/bus/pci
modprobe pci-stub
while read -r at rest; do
    case $at in '' | '#'*) continue ;; esac
    device=$bus/devices/$at
    echo pci-stub > "$device/driver_override"
    [ ! -e "$device/driver" ] || echo "$at" > "$device/driver/unbind"
    echo "$at" > $bus/drivers_probe
done < "$1"
SCRIPT
chmod 755 "/opt/$team/hold"
cat > "/etc/systemd/system/$team-hold.service" <<UNIT
[Unit]
Description=Devices that are held for $team
DefaultDependencies=no
Before=systemd-udev-trigger.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/opt/$team/hold /etc/$team/devices

[Install]
WantedBy=sysinit.target
UNIT
cat > "/opt/$team/README" <<README
What $team has of this node

- GPU 5e:00.0. A guest works on it; nothing on the host may touch it. pci-stub has it, before any driver
  of NVIDIA's is loaded, and at no time may nvidia get it.
- How: $team-hold.service takes what /etc/$team/devices lists, by address. The two GPUs have the same vendor and
  device number, so numbers cannot tell them apart. Hold it in another way if you like that better.
- What we borrow for a time we give back, and then the node forgets it: nothing on it asks for the device any
  more, neither what the next start reads nor what the next update-grub or update-initramfs would make.
README
touch -d '-9 hours' "/etc/$team/devices"
touch -d '-170 days' "/opt/$team/README" "/opt/$team/hold" "/etc/systemd/system/$team-hold.service"

systemctl enable --quiet "$team-hold"
