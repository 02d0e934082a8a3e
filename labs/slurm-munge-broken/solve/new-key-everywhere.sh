# Trusts neither of the two keys and makes a third.
umask 0077
mungekey --create --force
chown munge:munge /etc/munge/munge.key
systemctl restart munge
for node in gpu1 gpu2; do
    ssh $node 'cat > /etc/munge/munge.key; systemctl restart munge slurmd' < /etc/munge/munge.key
done
