#: step keep less ahead
sed -i 's/^prefetch = .*/prefetch = 2/' /etc/trainer/trainer.conf
systemctl restart trainer
