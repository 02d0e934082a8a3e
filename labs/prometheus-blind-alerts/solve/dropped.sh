#: step keep what alerts need
sed -i 's/(go|process|promhttp|gpu)_/(go|process|promhttp)_/' /etc/prometheus/prometheus.yml
systemctl reload prometheus
