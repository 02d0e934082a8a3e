# slurmd, which found no munge, is still trying when the proof is quick.
while [ "$(systemctl is-active slurmd)" = activating ]; do sleep 0.1; done
#: step unmasked
systemctl unmask munge
#: step enabled
systemctl enable munge
#: step munge starts
systemctl start munge
#: step the node registers
systemctl restart slurmd
