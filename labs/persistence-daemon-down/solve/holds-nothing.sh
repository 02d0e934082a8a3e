#: step it may hold
sed -i 's/ --no-persistence-mode//' /etc/systemd/system/nvidia-persistenced.service.d/site.conf
#: step the daemon
systemctl daemon-reload
systemctl restart nvidia-persistenced
#: step the cap
systemctl restart gpu-power-cap
