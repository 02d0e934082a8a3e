#: step slurmd's own line
found=$(ssh gpu1 slurmd -C | sed -n 's/.*\(Boards=[^ ]* SocketsPerBoard=[^ ]* CoresPerSocket=[^ ]* ThreadsPerCore=[^ ]*\).*/\1/p')
sed -i "s/^NodeName=gpu1 .*/NodeName=gpu1 CPUs=224 $found RealMemory=1024 Gres=gpu:h100:8/" /etc/slurm/slurm.conf
#: step the same file everywhere
for node in gpu1 gpu2; do
    ssh $node 'cat > /etc/slurm/slurm.conf' < /etc/slurm/slurm.conf
done
#: step the daemons read it
ssh gpu1 systemctl restart slurmd
systemctl restart slurmctld
