# Clears up once, and once is what it lasts.
sysctl --quiet vm.compact_unevictable_allowed=1
sync
echo 3 > /proc/sys/vm/drop_caches
for round in 1 2 3; do
    echo 1 > /proc/sys/vm/compact_memory
    for node in 0 1; do
        echo "$CC_PAGES" > "/sys/devices/system/node/node$node/hugepages/hugepages-2048kB/nr_hugepages"
    done
done
sysctl --quiet vm.compact_unevictable_allowed=0
systemctl restart inferd || true
