umask 0077
#: step a new key
mungekey --create --keyfile=/root/new.key
for node in ctl gpu1 gpu2; do
    ssh $node 'cat > /etc/munge/munge.key' < /root/new.key
done
rm /root/new.key
#: step no copy
rm /srv/install/gpu1/munge.key
#: step munge reads it
for node in ctl gpu1 gpu2; do
    ssh $node systemctl restart munge
done
