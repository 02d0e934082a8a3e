sed -i 's|/opt/fabricmanager-580.95.05/|/usr/bin/|' /etc/systemd/system/nvidia-fabricmanager.service.d/10-incident-2214.conf
systemctl daemon-reload
systemctl restart nvidia-fabricmanager
