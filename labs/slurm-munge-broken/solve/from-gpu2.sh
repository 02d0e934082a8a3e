# Stops munge everywhere first, so that no node is believed for a moment longer.
new=$(openssl rand -base64 96)
for node in ctl gpu1 gpu2; do
    ssh $node systemctl stop munge
done
ssh ctl rm /srv/install/gpu1/munge.key
for node in ctl gpu1 gpu2; do
    ssh $node 'base64 -d > /etc/munge/munge.key; systemctl start munge' <<< "$new"
done
ssh gpu1 systemctl restart slurmd
