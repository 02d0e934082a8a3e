echo 'TRAINER_SHM_DIR=/tmp' > /etc/default/trainer
systemctl restart trainer
