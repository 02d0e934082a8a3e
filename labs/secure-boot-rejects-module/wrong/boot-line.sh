# Somebody says that the kernel can be talked out of it.
sed -i 's/^GRUB_CMDLINE_LINUX="/&module.sig_enforce=0 lockdown=none /' /etc/default/grub
update-grub
