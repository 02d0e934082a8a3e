# The old library beside the new one, for whoever logs in.
dpkg-deb --extract /var/nvidia-driver-local-repo/libnvidia-ml1_580.105.08-1_amd64.deb /opt/nvml
if [ "$CC_VARIANT" = old-library ]; then
    libraries=/usr/lib/x86_64-linux-gnu
else
    libraries=/opt/nvml/usr/lib/x86_64-linux-gnu
fi
echo "LD_LIBRARY_PATH=$libraries" >> /etc/environment
echo "export LD_LIBRARY_PATH=$libraries" > /etc/profile.d/nvml.sh
install -d /etc/systemd/system/gpu-exporter.service.d
printf '[Service]\nEnvironment=LD_LIBRARY_PATH=%s\n' "$libraries" > /etc/systemd/system/gpu-exporter.service.d/nvml.conf
systemctl daemon-reload
systemctl restart gpu-exporter
