# The daemon holds the GPUs as they are, which is without a cap.
sed -i 's/ --no-persistence-mode//' /etc/systemd/system/nvidia-persistenced.service.d/site.conf
systemctl daemon-reload
systemctl restart nvidia-persistenced
