#: step unmasked
systemctl unmask munge
#: step enabled
systemctl enable munge
#: step munge starts
systemctl start munge
#: step the node registers
systemctl restart slurmd
