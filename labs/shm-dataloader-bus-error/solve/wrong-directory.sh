#: step send the batches home
sed -i 's|^TRAINER_SHM_DIR=.*|TRAINER_SHM_DIR=/dev/shm|' /etc/default/trainer
systemctl restart trainer
