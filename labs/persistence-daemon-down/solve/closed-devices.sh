#: step the group
cat >> /etc/systemd/system/nvidia-persistenced.service.d/site.conf <<DROPIN

[Service]
SupplementaryGroups=$CC_GROUP
DROPIN
systemctl daemon-reload
#: step the daemon
systemctl reset-failed nvidia-persistenced
systemctl start nvidia-persistenced
#: step the cap
systemctl restart gpu-power-cap
