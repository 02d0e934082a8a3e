# Perhaps it has only hung.
systemctl restart slurmdbd
systemctl restart slurmctld
ssh gpu1 systemctl restart slurmd
ssh gpu2 systemctl restart slurmd
