printf '[Service]\nCPUSchedulingPolicy=fifo\nCPUSchedulingPriority=90\n' > /etc/systemd/system/engine.service.d/20-first.conf
sed -i 's/^pin = .*/pin = one-each/' /etc/engine/engine.conf
systemctl daemon-reload
systemctl restart engine
