# One node is easier to fill than two.
cat > /etc/default/grub.d/90-numa.cfg <<CONF
GRUB_CMDLINE_LINUX="console=ttyS0,115200 numa=off hugepages=$((2 * CC_PAGES))"
CONF
update-grub
