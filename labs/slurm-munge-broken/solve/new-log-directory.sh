mv /var/log/munge /var/log/munge.old
install -d -o munge -g munge -m 0700 /var/log/munge
systemctl start munge
systemctl start slurmd
