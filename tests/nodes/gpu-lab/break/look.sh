nvidia-smi -L > /root/after 2>&1 || true
