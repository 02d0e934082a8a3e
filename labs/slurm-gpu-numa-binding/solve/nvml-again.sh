#: step what NVML knows
sed -i '/^NodeName=gpu1 /d' /etc/slurm/gres.conf
echo 'NodeName=gpu1 AutoDetect=nvml' >> /etc/slurm/gres.conf
#: step the same file everywhere
for node in gpu1 gpu2; do
    ssh $node 'cat > /etc/slurm/gres.conf' < /etc/slurm/gres.conf
done
#: step the daemons read it
ssh gpu1 systemctl restart slurmd
systemctl restart slurmctld
