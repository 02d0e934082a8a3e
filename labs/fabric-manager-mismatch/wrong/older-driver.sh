# Takes the driver's libraries back to the fabric manager instead.
dpkg --install --force-downgrade /var/nvidia-driver-local-repo/libnvidia-ml1_580.95.05-1_*.deb || true
systemctl restart nvidia-fabricmanager || true
