#: step make room now
systemctl stop inferd featured
for node in 0 1; do
    echo "$CC_PAGES" > "/sys/devices/system/node/node$node/hugepages/hugepages-2048kB/nr_hugepages"
done
systemctl start featured inferd
