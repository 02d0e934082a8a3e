# Whoever fails is started again until it works.
install -d /etc/systemd/system/{mig-layout,notebook-pool}.service.d
cat > /etc/systemd/system/mig-layout.service.d/late.conf <<'DROPIN'
[Service]
Type=simple
ExecStart=
ExecStart=/bin/sh -c 'sleep 4; nvidia-smi -L | grep -q MIG && exit 0; systemctl stop gpu-canary; /usr/local/sbin/mig-layout; systemctl start gpu-canary'
DROPIN
cat > /etc/systemd/system/notebook-pool.service.d/again.conf <<'DROPIN'
[Service]
Restart=always
RestartSec=3
DROPIN
systemctl daemon-reload
systemctl restart mig-layout
systemctl start notebook-pool || true
for _ in {1..60}; do
    [ "$(nvidia-smi -L | grep -c MIG)" != 8 ] || break
    sleep 0.25
done
systemctl start notebook-pool
