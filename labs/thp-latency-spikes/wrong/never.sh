# The tokenizer's people are content.
sed -i 's/^GRUB_CMDLINE_LINUX=.*/GRUB_CMDLINE_LINUX="console=ttyS0,115200 transparent_hugepage=never"/' /etc/default/grub
update-grub
systemctl disable --quiet --now tuned
echo never > /sys/kernel/mm/transparent_hugepage/enabled
