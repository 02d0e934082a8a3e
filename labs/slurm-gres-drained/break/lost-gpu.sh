systemctl restart slurmd
