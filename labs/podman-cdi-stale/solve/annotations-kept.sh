# The inventory keeps its annotation: the oldest version that has annotations is one that podman knows.
sed -i 's/1\.0\.0/0.6.0/; s/, and in the$/,/; s/^# version of the format that the Kubernetes nodes have.*/# which version 0.6.0 of the format is the first to have./' /etc/gpu-changed.d/50-cdi
gpu-changed
systemctl start "$CC_SERVICE"
