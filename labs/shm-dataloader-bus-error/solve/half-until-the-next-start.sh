# As service-only, and in /run, which a restart of the node empties.
install -d /run/systemd/system/trainer.service.d
cat > /run/systemd/system/trainer.service.d/50-shm.conf <<'DROPIN'
[Service]
EnvironmentFile=
Environment=TRAINER_SHM_DIR=/dev/shm
DROPIN
systemctl daemon-reload
systemctl restart trainer
