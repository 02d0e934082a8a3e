sed -i 's/^workers = .*/workers = 1/' /etc/trainer/trainer.conf
systemctl restart trainer
