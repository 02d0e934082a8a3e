systemctl stop slurmd
echo >> /etc/munge/munge.key
touch -d '-9 hours' /etc/munge/munge.key
systemctl restart munge
systemctl start slurmd
