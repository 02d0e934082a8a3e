#: step at boot, and now
systemctl enable --now nvidia-fabricmanager
