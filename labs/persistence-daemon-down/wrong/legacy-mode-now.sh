nvidia-smi -pm 1
systemctl restart gpu-power-cap
