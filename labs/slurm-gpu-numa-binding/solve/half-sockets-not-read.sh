# The file is right everywhere, and nobody has read it.
sed -i '/^NodeName=gpu1 /s/Sockets=1 CoresPerSocket=112/Sockets=2 CoresPerSocket=56/' /etc/slurm/slurm.conf
for node in gpu1 gpu2; do
    ssh $node 'cat > /etc/slurm/slurm.conf' < /etc/slurm/slurm.conf
done
