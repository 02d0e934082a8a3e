# Runs now, and not after the next start.
systemctl unmask nvidia-persistenced
systemctl start nvidia-persistenced
systemctl restart gpu-power-cap
