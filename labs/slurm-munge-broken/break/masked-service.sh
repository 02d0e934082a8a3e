systemctl stop slurmd
systemctl disable --now munge
systemctl mask munge
systemctl start --no-block slurmd
