sed -i "s/^GRUB_CMDLINE_LINUX=.*/GRUB_CMDLINE_LINUX=\"console=ttyS0,115200 hugepagesz=2M hugepagesz=1G hugepages=0:$CC_PAGES,1:$CC_PAGES\"/" /etc/default/grub
update-grub
systemctl enable --quiet featured
systemctl start featured
