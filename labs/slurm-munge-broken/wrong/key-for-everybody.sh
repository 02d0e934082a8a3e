# One key on all nodes, and the way it took still open.
chmod 0755 /etc/munge
chmod 0644 /etc/munge/munge.key
cp /etc/munge/munge.key /srv/install/munge.key
chmod 0644 /srv/install/munge.key
ssh gpu1 'rm -f /etc/munge/munge.key; cat > /etc/munge/munge.key; chown munge: /etc/munge/munge.key; chmod 0644 /etc/munge/munge.key' < /srv/install/munge.key
ssh gpu1 'systemctl unmask munge; chown -R munge: /var/log/munge; systemctl enable munge; systemctl restart munge; systemctl restart slurmd' || true
