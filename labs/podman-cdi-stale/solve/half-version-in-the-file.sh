# In the file, where the next start loses it.
sed -i 's/^cdiVersion: .*/cdiVersion: 0.6.0/' /run/cdi/nvidia.yaml
systemctl start "$CC_SERVICE"
