# All of it right, in the running system alone.
sysctl -w vm.dirty_background_bytes=16777216 vm.dirty_bytes=67108864 vm.dirty_writeback_centisecs=500
name=$(basename "$(readlink -f /dev/disk/by-id/virtio-data0)")
echo none > "/sys/block/$name/queue/scheduler"
echo 1024 > "/sys/block/$name/queue/read_ahead_kb"
