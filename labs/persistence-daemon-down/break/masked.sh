systemctl disable --quiet nvidia-persistenced
systemctl mask --quiet nvidia-persistenced
