# A build with a compiler's cache that is no longer there.
old=580.105.08
new=$CC_DRIVER
kernel=$(uname -r)
tree=/var/lib/dkms/nvidia
night=$(date -d "today 06:51:40" +%s)
[ "$night" -lt "$(date +%s)" ] || night=$((night - 86400))
cat > /etc/dkms/nvidia.conf <<'CONF'
# Rebuilds take forever on these boxes. With the cache the second one is free.
MAKE[0]="make CC='ccache gcc' KERNEL_UNAME=${kernelver} modules"
CONF
touch -d '-160 days' /etc/dkms/nvidia.conf
rm -r "$tree" "/lib/modules/$kernel/updates"
mkdir -p "$tree/$new/build"
ln -s "/usr/src/nvidia-$new" "$tree/$new/source"
cp "/usr/src/nvidia-$new"/* "$tree/$new/build/"
common=/usr/src/linux-headers-${kernel%-*}-common
cat > "$tree/$new/build/make.log" <<LOG
DKMS (dkms-$(dpkg-query --show --showformat '${Version}' dkms | sed 's/-.*//')) make.log for nvidia/$new for kernel $kernel (x86_64)
$(LC_ALL=C date -d "@$night")

Building module(s)
# command: make -j2 KERNELRELEASE=$kernel CC='ccache gcc' KERNEL_UNAME=$kernel modules
make -C /lib/modules/$kernel/build M=$tree/$new/build KCFLAGS=-g0 CONFIG_DEBUG_INFO_BTF_MODULES= modules
make[1]: Entering directory '/usr/src/linux-headers-$kernel'
  CC [M]  $tree/$new/build/nv-pci.o
/bin/sh: 1: ccache: not found
make[3]: *** [$common/scripts/Makefile.build:234: $tree/$new/build/nv-pci.o] Error 127
make[3]: *** Waiting for unfinished jobs....
make[2]: *** [$common/Makefile:2008: $tree/$new/build] Error 2
make[1]: *** [$common/Makefile:236: __sub-make] Error 2
make[1]: Leaving directory '/usr/src/linux-headers-$kernel'
make: *** [Makefile:11: modules] Error 2

# exit code: 2
# elapsed time: 00:00:01
----------------------------------------------------------------
LOG
# As dpkg has it after the script that DKMS is called from ended with 10.
sed -i '/^Package: nvidia-kernel-dkms$/,/^$/s/^Status: .*/Status: install ok half-configured/' /var/lib/dpkg/status
