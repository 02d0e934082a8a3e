# As the toolkit's newer packages do it: a service that makes it, here called at each change.
cat > /etc/systemd/system/cdi-refresh.service <<'UNIT'
[Unit]
Description=CDI description of the GPUs

[Service]
Type=oneshot
ExecStart=/usr/bin/nvidia-ctk cdi generate --format json --output /run/cdi/nvidia.json
UNIT
printf '#!/bin/sh\nexec systemctl restart cdi-refresh.service\n' > /etc/gpu-changed.d/20-cdi
chmod 0755 /etc/gpu-changed.d/20-cdi
mv /etc/cdi/nvidia.yaml /etc/cdi/nvidia.yaml.before
gpu-changed
systemctl start "$CC_SERVICE"
