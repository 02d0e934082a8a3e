# The maintenance upgraded the driver and left the fabric manager where it was.
dpkg --install --force-downgrade /var/nvidia-driver-local-repo/nvidia-fabricmanager_580.95.05-1_*.deb > /dev/null
systemctl enable nvidia-fabricmanager
systemctl start nvidia-fabricmanager || true
