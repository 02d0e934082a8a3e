# It is made at each change, in a version of the format that podman 5.4 does not know yet, and with a field that the
# oldest it knows does not have.
cat > /etc/gpu-changed.d/50-cdi <<'SCRIPT'
#!/bin/sh
# The description of the GPUs for containers. With the driver's version as an annotation, for the inventory, and in the
# version of the format that the Kubernetes nodes have, so that all nodes have the same.
set -e
version=$(cat /sys/module/nvidia/version)
mkdir -p /run/cdi
nvidia-ctk --quiet cdi generate |
    sed -e 's/^cdiVersion: .*/cdiVersion: 1.0.0/' -e "/^kind: /a annotations:\\n    inventory/driver: \"$version\"" \
    > /run/cdi/nvidia.yaml
SCRIPT
chmod 0755 /etc/gpu-changed.d/50-cdi
touch -d 'yesterday 18:21' /etc/gpu-changed.d/50-cdi
