# A partition keeps unbound work away by itself, once nobody writes the mask; interrupts have a word on the boot line.
rm /etc/systemd/system/archived.service.d/10-slice.conf
systemctl disable --quiet kernel-work
systemctl daemon-reload
systemctl restart archived
echo 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX irqaffinity=0-1"' > /etc/default/grub.d/50-interrupts.cfg
update-grub
echo 3 > /proc/irq/default_smp_affinity
echo 3 > /sys/devices/virtual/workqueue/cpumask
