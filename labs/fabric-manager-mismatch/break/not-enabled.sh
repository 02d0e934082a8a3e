systemctl disable --now nvidia-fabricmanager
