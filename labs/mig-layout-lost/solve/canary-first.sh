#: step the layout first, then who works
sed -i 's/^# 2.1: up before.*//; s/^Before=.*/After=mig-layout.service/' /usr/local/lib/systemd/system/gpu-canary.service
systemctl daemon-reload
#: step now
systemctl stop gpu-canary
systemctl restart mig-layout
systemctl start gpu-canary notebook-pool
