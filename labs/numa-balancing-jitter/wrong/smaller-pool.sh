sed -i -e 's/^pool_mib = .*/pool_mib = 4/' -e 's/^workers = .*/workers = 1/' /etc/trainer/trainer.conf
rm /etc/systemd/system/trainer.service.d/10-placement.conf
cat > /etc/systemd/system/trainer.service.d/50-numa.conf <<'DROPIN'
[Service]
CPUAffinity=2-3
DROPIN
systemctl daemon-reload
systemctl restart trainer
