#: step as the toolkit writes it
cat > /etc/gpu-changed.d/50-cdi <<'SCRIPT'
#!/bin/sh
# The description of the GPUs for containers.
exec nvidia-ctk --quiet cdi generate --output /run/cdi/nvidia.yaml
SCRIPT
#: step now
gpu-changed
#: step the service
systemctl start "$CC_SERVICE"
