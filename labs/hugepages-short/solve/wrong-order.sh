#: step put the size before the number
sed -i "s/hugepagesz=2M hugepagesz=1G hugepages=/hugepagesz=2M hugepages=/" /etc/default/grub
update-grub
