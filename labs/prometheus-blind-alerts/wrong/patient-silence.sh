# Silence, but not before it has lasted.
sed -i 's/for: 3s/for: 15m/' /etc/prometheus/rules/silence.yml
systemctl reload prometheus
