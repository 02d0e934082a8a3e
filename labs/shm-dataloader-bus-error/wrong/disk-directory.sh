install -d -m 1777 /var/tmp/batches
echo 'TRAINER_SHM_DIR=/var/tmp/batches' > /etc/default/trainer
systemctl restart trainer
