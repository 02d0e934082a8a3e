# It is made anew for each driver, beside the one of the driver before.
cat > /etc/gpu-changed.d/50-cdi <<'SCRIPT'
#!/bin/sh
# The description of the GPUs for containers. One for each driver, so that the one before is still there if we go back.
set -e
spec=/etc/cdi/nvidia-$(cat /sys/module/nvidia/version).yaml
[ -e "$spec" ] || nvidia-ctk --quiet cdi generate --output "$spec"
SCRIPT
chmod 0755 /etc/gpu-changed.d/50-cdi
install -d /etc/cdi
old=/etc/cdi/nvidia-$CC_OLD.yaml
nvidia-ctk --quiet cdi generate | sed "s/580\.105\.08/$CC_OLD/g" > "$old"
chmod 0644 "$old"
touch -d '-131 days' /etc/gpu-changed.d/50-cdi "$old"
