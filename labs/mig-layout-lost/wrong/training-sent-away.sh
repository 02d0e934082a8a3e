# "In use by another client": so nobody shall use anything.
systemctl stop pretrain gpu-canary
sed -i 's/^Before=.*/After=mig-layout.service/' /usr/local/lib/systemd/system/gpu-canary.service
systemctl daemon-reload
systemctl restart mig-layout
systemctl start pretrain gpu-canary notebook-pool
