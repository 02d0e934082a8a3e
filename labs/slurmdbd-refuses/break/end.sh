touch -d '-9 hours' /etc/slurm/slurmdbd.conf /etc/slurm/slurm.conf
systemctl start --no-block slurmdbd
