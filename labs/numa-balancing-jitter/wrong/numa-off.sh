# No nodes, no balancing between them.
sed -i 's/^GRUB_CMDLINE_LINUX=.*/GRUB_CMDLINE_LINUX="numa=off"/' /etc/default/grub
update-grub
