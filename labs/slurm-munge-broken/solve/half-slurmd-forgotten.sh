# The credentials are good again; slurmd, which found no munge, has given up.
while [ "$(systemctl is-active slurmd)" = activating ]; do sleep 0.1; done
chmod 0400 /etc/munge/munge.key
systemctl restart munge
