# Bound by numactl instead of by systemd.
rm -f /etc/systemd/system/trainer.service.d/10-placement.conf
install -d /etc/systemd/system/trainer.service.d
cat > /etc/systemd/system/trainer.service.d/50-numa.conf <<'DROPIN'
[Service]
ExecStart=
ExecStart=/usr/bin/numactl --cpunodebind=1 --membind=1 /opt/trainer/bin/trainerd
DROPIN
systemctl daemon-reload
systemctl restart trainer
