# Where the GPUs are. The others have what they had.
sed -i '/^NodeName=gpu1 /c NodeName=gpu1 AutoDetect=nvml' /etc/slurm/gres.conf
systemctl restart slurmd
ssh ctl systemctl restart slurmctld
