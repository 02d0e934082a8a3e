#: step take it off the boot line
rm "/etc/default/grub.d/$CC_ORDER-$CC_TEAM.cfg"
update-grub
