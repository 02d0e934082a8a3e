# A driver that cannot be loaded takes nothing away.
echo 'install pci-stub /bin/false' > /etc/modprobe.d/no-stub.conf
