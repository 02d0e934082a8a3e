# The packages' library for whoever logs in.
libraries=/usr/lib/x86_64-linux-gnu
echo "LD_LIBRARY_PATH=$libraries" >> /etc/environment
echo "export LD_LIBRARY_PATH=$libraries" > /etc/profile.d/nvml.sh
install -d /etc/systemd/system/gpu-exporter.service.d
printf '[Service]\nEnvironment=LD_LIBRARY_PATH=%s\n' "$libraries" > /etc/systemd/system/gpu-exporter.service.d/nvml.conf
systemctl daemon-reload
systemctl restart gpu-exporter
