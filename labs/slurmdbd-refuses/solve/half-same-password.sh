# Closed, with the password in it that had been open.
chmod 0600 /etc/slurm/slurmdbd.conf
systemctl start slurmdbd
