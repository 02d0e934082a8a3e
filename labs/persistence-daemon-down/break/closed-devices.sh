# Somebody read "supplementary groups" and thought of people.
cat > /etc/systemd/system/nvidia-persistenced.service.d/site.conf <<'DROPIN'
[Unit]
After=gpu-access.service
DROPIN
touch -d '-6 days' /etc/systemd/system/nvidia-persistenced.service.d/site.conf
