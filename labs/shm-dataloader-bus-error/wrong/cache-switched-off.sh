systemctl disable --now feature-cache
systemctl restart trainer
