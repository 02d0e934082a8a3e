rm /etc/systemd/system/archived.service.d/10-slice.conf /etc/systemd/system/backup.slice
systemctl daemon-reload
systemctl stop archived
systemctl stop backup.slice
systemctl start archived
systemctl restart engine
