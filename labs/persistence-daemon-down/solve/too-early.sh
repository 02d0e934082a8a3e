#: step the daemon first, then the cap
install -d /etc/systemd/system/gpu-power-cap.service.d
cat > /etc/systemd/system/gpu-power-cap.service.d/order.conf <<'DROPIN'
[Unit]
Requires=nvidia-persistenced.service
After=nvidia-persistenced.service
DROPIN
systemctl daemon-reload
#: step the cap
while [ "$(systemctl is-active nvidia-persistenced)" = activating ]; do sleep 0.1; done
systemctl restart gpu-power-cap
