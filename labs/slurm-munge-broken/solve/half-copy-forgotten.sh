# A new key everywhere, and the old one still lies about.
umask 0077
mungekey --create --force
chown munge:munge /etc/munge/munge.key
systemctl restart munge
for node in gpu1 gpu2; do
    ssh $node 'cat > /etc/munge/munge.key; systemctl restart munge' < /etc/munge/munge.key
done
ssh gpu1 systemctl restart slurmd
