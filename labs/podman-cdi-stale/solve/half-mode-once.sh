# The mode of the file, which the next start makes anew.
chmod 0644 /run/cdi/nvidia.yaml
