# The credentials are good again; slurmd, which found no munge, has given up.
chmod 0400 /etc/munge/munge.key
systemctl restart munge
