#: step the log is munge's
chown -R munge:munge /var/log/munge
#: step munge starts
systemctl restart munge
#: step the node registers
systemctl restart slurmd
