#: step one word for it
sed -i 's/severity="critical"/severity="page"/' /etc/prometheus/alertmanager.yml
systemctl reload prometheus-alertmanager
