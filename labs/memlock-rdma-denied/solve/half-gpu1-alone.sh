# Right, on one node of two.
sed -i 's/^LimitMEMLOCK=.*/LimitMEMLOCK=infinity/' /etc/systemd/system/slurmd.service.d/site.conf
sed -i '/memlock/d' /etc/security/limits.d/50-site.conf
systemctl daemon-reload
systemctl restart slurmd
