systemctl stop slurmd
systemctl stop munge
chown -R root:root /var/log/munge
systemctl start munge || true
systemctl start --no-block slurmd
