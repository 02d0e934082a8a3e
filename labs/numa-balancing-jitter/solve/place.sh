#: step bind the trainer
install -d /etc/systemd/system/trainer.service.d
cat > /etc/systemd/system/trainer.service.d/50-numa.conf <<'DROPIN'
[Service]
CPUAffinity=
CPUAffinity=2-3
NUMAPolicy=bind
NUMAMask=1
DROPIN
systemctl daemon-reload
systemctl restart trainer
