# Runs until the next restart.
systemctl start nvidia-fabricmanager
