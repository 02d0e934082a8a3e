#: step remove what no package knows
rm /usr/local/lib/libnvidia-ml.so*
ldconfig
systemctl restart gpu-exporter
