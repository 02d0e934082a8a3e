# Slurm shall believe its own file.
for node in ctl gpu1 gpu2; do
    ssh $node 'sed -i "/^GresTypes/iSlurmdParameters=config_overrides" /etc/slurm/slurm.conf'
done
systemctl restart slurmctld
ssh gpu2 systemctl restart slurmd
sleep 1
scontrol update nodename=gpu2 state=resume || true
