dpkg --install /var/nvidia-driver-local-repo/nvidia-fabricmanager_580.105.08-1_*.deb
systemctl restart nvidia-fabricmanager
