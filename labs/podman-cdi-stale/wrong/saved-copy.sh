# The right one, kept in a safe place, and put back at each change.
nvidia-ctk --quiet cdi generate --output /etc/cdi/nvidia.yaml
cp /etc/cdi/nvidia.yaml /opt/gpu/nvidia.yaml
printf '#!/bin/sh\nexec cp /opt/gpu/nvidia.yaml /etc/cdi/nvidia.yaml\n' > /etc/gpu-changed.d/50-cdi
chmod 0755 /etc/gpu-changed.d/50-cdi
systemctl start "$CC_SERVICE"
