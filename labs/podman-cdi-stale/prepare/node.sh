# The node as the site has it: podman for people and for one service, what is to follow a change of driver or boards, and
# the image. Nothing that describes the GPUs is made here.
install -d /opt/gpu /etc/gpu-changed.d /scratch
install -d -m 0700 -o ada -g ada "/scratch/$(id -u ada)"

cat > /etc/containers/storage.conf <<'CONF'
# Homes are on the file server; containers are kept on the disk of the node.
[storage]
driver = "overlay"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
rootless_storage_path = "/scratch/$UID"
CONF
cat > /etc/containers/containers.conf <<'CONF'
# People have no session bus here, by which systemd could be asked for control groups.
[engine]
cgroup_manager = "cgroupfs"
CONF

# What containers are made of here: a shell, some tools, and gpu-work. The driver's side comes from the node.
tree=$(mktemp -d)
cd "$tree"
mkdir -p usr/bin usr/sbin usr/lib64 usr/lib/x86_64-linux-gnu etc/ld.so.conf.d dev proc sys run tmp
for part in bin sbin lib lib64; do ln -s usr/$part $part; done
cp /usr/bin/{cat,dash,env,gpu-work,id,ls,sleep} usr/bin/
ln -s dash usr/bin/sh
cp /usr/sbin/ldconfig usr/sbin/
ldd usr/bin/{cat,dash,env,gpu-work,id,ls,sleep} | grep -o '/lib[^ ]*' | sort --unique | while read -r library; do
    cp --dereference "$library" "./$(dirname "$library")/"
done
echo 'include /etc/ld.so.conf.d/*.conf' > etc/ld.so.conf
echo 'root:x:0:0:root:/root:/bin/sh' > etc/passwd
echo 'root:x:0:' > etc/group
tar --create --file=/tmp/gpu-tools.tar .
chmod 0644 /tmp/gpu-tools.tar
cd /
rm -r "$tree"
modprobe overlay
import="podman import --quiet --change CMD=/bin/sh /tmp/gpu-tools.tar localhost/gpu-tools:1"
setpriv --reuid=ada --regid=ada --init-groups --reset-env $import > /dev/null 2>&1 &
as_ada=$!
$import > /dev/null
wait $as_ada
rm /tmp/gpu-tools.tar

cat > "/etc/containers/systemd/$CC_SERVICE.container" <<UNIT
[Unit]
Description=Inference ($CC_SERVICE), on GPU $CC_OWN_GPU
Wants=gpu-changed.service
After=gpu-changed.service

[Container]
ContainerName=$CC_SERVICE
Image=localhost/gpu-tools:1
AddDevice=nvidia.com/gpu=$CC_OWN_GPU
Network=none
StopTimeout=1
Exec=gpu-work --memory 4096 --load 30 --every 300

[Service]
TimeoutStartSec=300

[Install]
WantedBy=multi-user.target
UNIT

cat > /usr/local/sbin/gpu-changed <<'SCRIPT'
#!/bin/sh
# Does what has to follow when the driver or a board has changed: runs what lies in /etc/gpu-changed.d, in order, once
# the device files are there, which udev makes a moment after the driver is.
complete() {
    [ -c /dev/nvidia-uvm ] || return 1
    for information in /proc/driver/nvidia/gpus/*/information; do
        minor=$(sed -n 's/^Device Minor:[[:space:]]*//p' "$information") || return 1
        [ -c "/dev/nvidia$minor" ] || return 1
    done
}
tries=0
until complete || [ $((tries += 1)) -gt 120 ]; do sleep 0.5; done
exec run-parts --exit-on-error /etc/gpu-changed.d
SCRIPT
cat > /etc/gpu-changed.d/10-record <<'SCRIPT'
#!/bin/sh
# What the node has, for whoever asks later.
exec >> /var/log/gpu-changed
echo "$(date '+%F %T') driver $(cat /sys/module/nvidia/version), $(ls /proc/driver/nvidia/gpus | wc -l) GPUs"
SCRIPT
chmod 0755 /usr/local/sbin/gpu-changed /etc/gpu-changed.d/10-record
cat > /etc/systemd/system/gpu-changed.service <<'UNIT'
[Unit]
Description=What follows from the driver and the boards that are there

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/gpu-changed
TimeoutStartSec=300

[Install]
WantedBy=multi-user.target
UNIT
ln -s /etc/systemd/system/gpu-changed.service /etc/systemd/system/multi-user.target.wants/

cat > /opt/gpu/README <<README
House rules of this node

- Containers get GPUs by CDI and in no other way: --device nvidia.com/gpu=..., by number, by UUID, or "all". No
  container is privileged, and none is handed /dev/nvidia* or the driver's files one by one.
- There is one description of the GPUs, nvidia-ctk makes it from what is there, and it lies where podman looks
  by itself: in /etc/cdi or in /run/cdi. Everybody may read it, only root writes it. It is never made or changed by hand.
- It is made anew at each start of the node and after each change of the driver or of a board. What has to follow such
  a change lies in /etc/gpu-changed.d. gpu-changed runs all that lies there: gpu-changed.service calls it at each start,
  before any container, and whoever changes something calls it at the end. It is the same on all nodes.
- People run containers under their own accounts. $CC_SERVICE runs as a service, on GPU $CC_OWN_GPU; what it is lies in
  /etc/containers/systemd, belongs to its team, and stays as it is.
README

# The evening of the update, in the words of dpkg.
evening=$(date -d 'yesterday 18:40' +%s)
at() { date -d "@$((evening + $1))" '+%Y-%m-%d %H:%M:%S'; }
for package in libnvidia-ml1 nvidia-smi nvidia-kernel-common nvidia-kernel-dkms; do
    echo "$(at 2) upgrade $package:amd64 $CC_OLD-1 580.105.08-1"
    echo "$(at 71) status installed $package:amd64 580.105.08-1"
done | sort >> /var/log/dpkg.log
printf '%s driver %s, 2 GPUs\n' "$(date -d '-131 days' '+%F %T')" "$CC_OLD" "$(at 410)" 580.105.08 > /var/log/gpu-changed
touch -d '-131 days' /etc/containers/storage.conf /etc/containers/containers.conf /usr/local/sbin/gpu-changed \
    /etc/gpu-changed.d/10-record /etc/systemd/system/gpu-changed.service /opt/gpu/README \
    "/etc/containers/systemd/$CC_SERVICE.container"
