# Takes the copy away and goes on with the key that everybody could have read.
rm /srv/install/gpu1/munge.key
ssh gpu1 'cat > /etc/munge/munge.key; systemctl restart munge slurmd' < /etc/munge/munge.key
