# 8 x 3 x 4 = 96 MiB: twice that and the cache still fit.
sed -i 's/^prefetch = .*/prefetch = 3/' /etc/trainer/trainer.conf
