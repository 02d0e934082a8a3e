# slurmd, which found no munge, is still trying when the proof is quick.
while [ "$(systemctl is-active slurmd)" = activating ]; do sleep 0.1; done
#: step the log is munge's
chown -R munge:munge /var/log/munge
#: step munge starts
systemctl restart munge
#: step the node registers
systemctl restart slurmd
