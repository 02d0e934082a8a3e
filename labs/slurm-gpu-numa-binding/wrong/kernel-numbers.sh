# As nvidia-smi topo -m prints them.
sed -i '/^NodeName=gpu1 /d' /etc/slurm/gres.conf
cat >> /etc/slurm/gres.conf <<'GRES'
NodeName=gpu1 Name=gpu Type=h100 File=/dev/nvidia[0-3] Cores=0-55,112-167
NodeName=gpu1 Name=gpu Type=h100 File=/dev/nvidia[4-7] Cores=56-111,168-223
GRES
for node in gpu1 gpu2; do
    ssh $node 'cat > /etc/slurm/gres.conf' < /etc/slurm/gres.conf
    ssh $node systemctl restart slurmd
done
systemctl restart slurmctld
