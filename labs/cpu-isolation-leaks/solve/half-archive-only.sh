rm /etc/systemd/system/archived.service.d/10-slice.conf
systemctl daemon-reload
systemctl restart archived
