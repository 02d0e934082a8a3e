#: step send the archive away
rm /etc/systemd/system/archived.service.d/10-slice.conf
systemctl daemon-reload
systemctl restart archived
#: step send the kernel's own work away
sed -i 's/^\(WORKQUEUES\|INTERRUPTS\)=.*/\1=3/' /etc/default/kernel-work
systemctl restart kernel-work
