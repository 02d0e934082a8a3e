# Without the cache there is always room.
systemctl disable --now featured
sed -i '/^GRUB_CMDLINE_LINUX=/d' /etc/default/grub.d/60-console.cfg 2>/dev/null || true
echo "vm.nr_hugepages = $((2 * CC_PAGES))" > /etc/sysctl.d/60-inferd.conf
for node in 0 1; do
    echo "$CC_PAGES" > "/sys/devices/system/node/node$node/hugepages/hugepages-2048kB/nr_hugepages"
done
systemctl restart inferd
