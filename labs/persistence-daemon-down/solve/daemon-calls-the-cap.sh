# Whoever holds the GPUs caps them, each time.
cat >> /etc/systemd/system/nvidia-persistenced.service.d/site.conf <<DROPIN
ExecStartPost=/usr/bin/nvidia-smi -pl $CC_WATTS
DROPIN
systemctl daemon-reload
systemctl disable gpu-power-cap
systemctl restart nvidia-persistenced
