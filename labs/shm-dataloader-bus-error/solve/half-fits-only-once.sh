# 8 x 6 x 4 = 192 MiB: fits beside the cache, but a second loader does not.
sed -i 's/^prefetch = .*/prefetch = 6/' /etc/trainer/trainer.conf
systemctl restart trainer
