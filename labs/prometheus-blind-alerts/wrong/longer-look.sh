# A longer look back.
sed -i 's/\[5m\]/[24h]/' /etc/prometheus/rules/gpu.yml
systemctl reload prometheus
