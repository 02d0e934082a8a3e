# The copy goes, until the next start.
rm /run/cdi/nvidia.yaml
systemctl start "$CC_SERVICE"
