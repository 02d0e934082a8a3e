#: step the port that everybody knows
sed -i '/^DbdPort=/d' /etc/slurm/slurmdbd.conf
#: step slurmdbd reads it
systemctl restart slurmdbd
