sed -i 's/^burst_ms = .*/burst_ms = 1/' /etc/engine/engine.conf
systemctl restart engine
