# Whatever it is, somebody wakes up.
sed -i 's/^  receiver: chat/  receiver: pager/' /etc/prometheus/alertmanager.yml
systemctl reload prometheus-alertmanager
