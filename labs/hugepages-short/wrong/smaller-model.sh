sed -i 's/^pages_per_node = .*/pages_per_node = 8/' /etc/inferd/inferd.conf
for node in 0 1; do
    echo 8 > "/sys/devices/system/node/node$node/hugepages/hugepages-2048kB/nr_hugepages"
done
echo 'vm.nr_hugepages = 16' > /etc/sysctl.d/60-inferd.conf
systemctl restart inferd || true
