# One unit says both; nothing of it on the boot line, nor in tmpfiles.d.
rm -f /etc/tmpfiles.d/transparent-hugepages.conf
if grep -q transparent_hugepage /etc/default/grub; then
    sed -i 's/ transparent_hugepage=always//' /etc/default/grub
    update-grub
fi
cat > /etc/systemd/system/thp-defrag.service <<'UNIT'
[Unit]
Description=Huge pages for those who ask
DefaultDependencies=no
Before=sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'echo madvise > /sys/kernel/mm/transparent_hugepage/enabled; echo defer+madvise > /sys/kernel/mm/transparent_hugepage/defrag'

[Install]
WantedBy=sysinit.target
UNIT
systemctl daemon-reload
systemctl reenable --quiet thp-defrag
systemctl restart thp-defrag
