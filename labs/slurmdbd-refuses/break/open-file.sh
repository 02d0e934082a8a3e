chmod 0644 /etc/slurm/slurmdbd.conf
