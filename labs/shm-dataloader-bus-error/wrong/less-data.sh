rm /srv/dataset/shard-02.bin /srv/dataset/shard-03.bin
systemctl restart trainer
