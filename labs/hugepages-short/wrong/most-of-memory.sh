# Plenty helps plenty.
sed -i '/^GRUB_CMDLINE_LINUX=/d' /etc/default/grub.d/60-console.cfg 2>/dev/null || true
sed -i 's/^GRUB_CMDLINE_LINUX=.*/GRUB_CMDLINE_LINUX="console=ttyS0,115200 hugepages=280"/' /etc/default/grub
update-grub
