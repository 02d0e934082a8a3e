# The unit no longer reads the file; epochs by hand still do.
install -d /etc/systemd/system/trainer.service.d
cat > /etc/systemd/system/trainer.service.d/50-shm.conf <<'DROPIN'
[Service]
EnvironmentFile=
Environment=TRAINER_SHM_DIR=/dev/shm
DROPIN
systemctl daemon-reload
systemctl restart trainer
