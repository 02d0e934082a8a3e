systemctl disable --quiet --now archived
if [ -e /etc/systemd/system/backup.slice ]; then
    rm /etc/systemd/system/backup.slice
    systemctl daemon-reload
    systemctl stop backup.slice
fi
sed -i 's/^\(WORKQUEUES\|INTERRUPTS\)=.*/\1=3/' /etc/default/kernel-work
systemctl restart engine kernel-work
