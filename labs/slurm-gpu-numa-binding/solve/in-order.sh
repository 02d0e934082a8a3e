#: step each GPU's cores, in the devices' order
sed -i '/^NodeName=gpu1 /d' /etc/slurm/gres.conf
cat >> /etc/slurm/gres.conf <<'GRES'
NodeName=gpu1 Name=gpu Type=h100 File=/dev/nvidia[0-3] Cores=0-55
NodeName=gpu1 Name=gpu Type=h100 File=/dev/nvidia[4-7] Cores=56-111
GRES
#: step the same file everywhere
for node in gpu1 gpu2; do
    ssh $node 'cat > /etc/slurm/gres.conf' < /etc/slurm/gres.conf
done
#: step the daemons read it
ssh gpu1 systemctl restart slurmd
systemctl restart slurmctld
