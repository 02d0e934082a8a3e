# Right on disk; munged still believes the key that it read when it started.
ssh ctl cat /etc/munge/munge.key > /etc/munge/munge.key
systemctl restart slurmd
