# By node, on the kernel's command line; the unit is not needed any more.
systemctl disable --quiet hugepages
rm /etc/systemd/system/hugepages.service
systemctl daemon-reload
echo "GRUB_CMDLINE_LINUX=\"\$GRUB_CMDLINE_LINUX hugepages=0:$CC_PAGES,1:$CC_PAGES\"" > /etc/default/grub.d/70-hugepages.cfg
update-grub
