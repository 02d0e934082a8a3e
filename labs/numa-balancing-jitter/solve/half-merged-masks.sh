# Several CPUAffinity= add up: the trainer may now run everywhere.
cat > /etc/systemd/system/trainer.service.d/50-numa.conf <<'DROPIN'
[Service]
CPUAffinity=2-3
DROPIN
systemctl daemon-reload
systemctl restart trainer
