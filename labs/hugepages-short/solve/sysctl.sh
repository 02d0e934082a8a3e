# sysctl.d is read before the services come, and the kernel spreads the pages over the nodes.
sed -i 's/ hugepagesz=2M hugepagesz=1G hugepages=[0-9:,]*//' /etc/default/grub
update-grub
echo "vm.nr_hugepages = $((2 * CC_PAGES))" > /etc/sysctl.d/60-inferd.conf
