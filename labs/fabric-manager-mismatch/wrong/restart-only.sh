systemctl restart nvidia-fabricmanager || true
