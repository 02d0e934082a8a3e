#: step made anew at each change
cat > /etc/gpu-changed.d/50-cdi <<'SCRIPT'
#!/bin/sh
# The description of the GPUs for containers.
exec nvidia-ctk --quiet cdi generate --output /run/cdi/nvidia.yaml
SCRIPT
chmod 0755 /etc/gpu-changed.d/50-cdi
#: step the one that was made by hand goes
rm /etc/cdi/nvidia.yaml
#: step now
gpu-changed
#: step the service
systemctl start "$CC_SERVICE"
