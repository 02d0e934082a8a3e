#: step ask on the boot line
sed -i 's/transparent_hugepage=always/transparent_hugepage=madvise/' /etc/default/grub
update-grub
#: step correct the unit
sed -i 's/echo always >/echo defer+madvise >/' /etc/systemd/system/thp-defrag.service
systemctl daemon-reload
#: step now
echo madvise > /sys/kernel/mm/transparent_hugepage/enabled
echo defer+madvise > /sys/kernel/mm/transparent_hugepage/defrag
