# The service squeezes in beside the cache, with no room for a second loader.
sed -i 's/^prefetch = .*/prefetch = 1/' /etc/trainer/trainer.conf
systemctl restart trainer
