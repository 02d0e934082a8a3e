#: step unmasked
systemctl unmask nvidia-persistenced
#: step enabled
systemctl enable nvidia-persistenced
#: step the daemon
systemctl start nvidia-persistenced
#: step the cap
systemctl restart gpu-power-cap
