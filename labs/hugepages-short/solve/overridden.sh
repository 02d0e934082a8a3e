#: step let the boot line count
sed -i '/^GRUB_CMDLINE_LINUX=/d' /etc/default/grub.d/60-console.cfg
update-grub
