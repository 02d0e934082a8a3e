cp /etc/munge/munge.key /srv/install/gpu1/munge.key
chmod 0644 /srv/install/gpu1/munge.key
touch -d '-9 hours' /srv/install/gpu1/munge.key
