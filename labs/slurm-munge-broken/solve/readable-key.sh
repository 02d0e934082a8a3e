#: step the key is private
chmod 0400 /etc/munge/munge.key
#: step munge starts
systemctl restart munge
#: step the node registers
systemctl restart slurmd
