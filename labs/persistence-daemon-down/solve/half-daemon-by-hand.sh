# Runs now, behind the service manager's back, and with root's group.
nvidia-persistenced --user nvpd --group "$CC_GROUP"
systemctl restart gpu-power-cap
