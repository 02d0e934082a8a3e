#: step readable files
rm /etc/systemd/system/gpu-metrics.service.d/hardening.conf
systemctl daemon-reload
systemctl restart gpu-metrics
