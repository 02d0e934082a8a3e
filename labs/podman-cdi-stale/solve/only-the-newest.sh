# Still named after the driver; the others go at each change.
cat > /etc/gpu-changed.d/50-cdi <<'SCRIPT'
#!/bin/sh
# The description of the GPUs for containers. Named after its driver, and there is one.
set -e
rm -f /etc/cdi/nvidia-*.yaml /run/cdi/nvidia-*.yaml
nvidia-ctk cdi generate --output "/run/cdi/nvidia-$(cat /sys/module/nvidia/version).yaml"
SCRIPT
gpu-changed
systemctl start "$CC_SERVICE"
