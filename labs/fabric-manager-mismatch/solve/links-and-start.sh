ln -s /usr/lib/systemd/system/nvidia-fabricmanager.service /etc/systemd/system/multi-user.target.wants/
systemctl daemon-reload
systemctl start nvidia-fabricmanager
