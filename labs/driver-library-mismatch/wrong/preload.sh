# The old library into every program.
dpkg-deb --extract /var/nvidia-driver-local-repo/libnvidia-ml1_580.105.08-1_amd64.deb /opt/nvml
echo /opt/nvml/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.580.105.08 > /etc/ld.so.preload
