#: step the cluster's key
ssh ctl cat /etc/munge/munge.key > /etc/munge/munge.key
#: step munge reads it
systemctl restart munge
