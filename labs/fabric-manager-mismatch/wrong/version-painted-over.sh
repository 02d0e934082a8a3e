# The old release with the new one's number behind it.
dpkg-deb --fsys-tarfile /var/nvidia-driver-local-repo/nvidia-fabricmanager_580.95.05-1_*.deb |
    tar --extract --to-stdout ./usr/bin/nv-fabricmanager > /usr/local/bin/nv-fabricmanager
echo version=580.105.08 >> /usr/local/bin/nv-fabricmanager
chmod 0755 /usr/local/bin/nv-fabricmanager
install -d /etc/systemd/system/nvidia-fabricmanager.service.d
cat > /etc/systemd/system/nvidia-fabricmanager.service.d/90.conf <<'DROPIN'
[Service]
ExecStart=
ExecStart=/usr/local/bin/nv-fabricmanager -c /usr/share/nvidia/nvswitch/fabricmanager.cfg
DROPIN
systemctl daemon-reload
systemctl enable --now nvidia-fabricmanager
