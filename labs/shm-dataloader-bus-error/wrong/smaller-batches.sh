sed -i 's/^batch_mib = .*/batch_mib = 1/' /etc/trainer/trainer.conf
systemctl restart trainer
