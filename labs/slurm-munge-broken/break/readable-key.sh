systemctl stop slurmd
chmod 0644 /etc/munge/munge.key
systemctl restart munge || true
systemctl start --no-block slurmd
