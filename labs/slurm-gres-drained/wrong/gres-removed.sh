# A node that promises nothing keeps its promise.
for node in ctl gpu1 gpu2; do
    ssh $node "sed -i '/^NodeName=gpu2/s/ Gres=[^ ]*//' /etc/slurm/slurm.conf; sed -i '/NodeName=gpu2/d' /etc/slurm/gres.conf"
done
systemctl restart slurmctld
ssh gpu2 systemctl restart slurmd || true
sleep 1
scontrol update nodename=gpu2 state=resume || true
