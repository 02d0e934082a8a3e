install -d /opt/fabricmanager-580.95.05
dpkg-deb --fsys-tarfile /var/nvidia-driver-local-repo/nvidia-fabricmanager_580.95.05-1_*.deb |
    tar --extract --to-stdout ./usr/bin/nv-fabricmanager > /opt/fabricmanager-580.95.05/nv-fabricmanager
chmod 0755 /opt/fabricmanager-580.95.05/nv-fabricmanager
touch -d '-200 days' /opt/fabricmanager-580.95.05/nv-fabricmanager /opt/fabricmanager-580.95.05
install -d /etc/systemd/system/nvidia-fabricmanager.service.d
cat > /etc/systemd/system/nvidia-fabricmanager.service.d/10-incident-2214.conf <<'DROPIN'
# The packaged one crashed on us. Until that is mended: the release before.
[Service]
ExecStart=
ExecStart=/opt/fabricmanager-580.95.05/nv-fabricmanager -c /usr/share/nvidia/nvswitch/fabricmanager.cfg
DROPIN
systemctl daemon-reload
systemctl enable nvidia-fabricmanager
systemctl restart nvidia-fabricmanager || true
