# Leaves the drop-in alone and sweeps before every start instead of after every end.
cat > /etc/systemd/system/trainer.service.d/50-sweep-first.conf <<'DROPIN'
[Service]
ExecStartPre=/opt/trainer/bin/trainer-sweep --all
DROPIN
systemctl daemon-reload
systemctl restart trainer
