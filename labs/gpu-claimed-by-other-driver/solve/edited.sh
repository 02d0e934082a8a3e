# The file stays, for whatever is put into it next; the number goes.
sed -i 's/ *pci-stub\.ids=10de:2331//' "/etc/default/grub.d/$CC_ORDER-$CC_TEAM.cfg"
update-grub
sync
