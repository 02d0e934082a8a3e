# When both GPUs were lent, pci-stub was to take all of that number.
cat > "/etc/default/grub.d/$CC_ORDER-$CC_TEAM.cfg" <<CONF
# $CC_TEAM: not for the host's drivers
GRUB_CMDLINE_LINUX="\$GRUB_CMDLINE_LINUX pci-stub.ids=10de:2331"
CONF
touch -d '-21 days' "/etc/default/grub.d/$CC_ORDER-$CC_TEAM.cfg"
update-grub
