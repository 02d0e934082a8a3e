#: step the sockets that it has
sed -i '/^NodeName=gpu1 /s/Sockets=1 CoresPerSocket=112/Sockets=2 CoresPerSocket=56/' /etc/slurm/slurm.conf
#: step the same file everywhere
for node in gpu1 gpu2; do
    ssh $node 'cat > /etc/slurm/slurm.conf' < /etc/slurm/slurm.conf
done
#: step the daemons read it
systemctl restart slurmctld
for node in gpu1 gpu2; do
    ssh $node systemctl restart slurmd
done
