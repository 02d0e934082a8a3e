#: step the files that are there
sed -i '/NodeName=gpu2/s/\[1-4\]/[0-3]/' /etc/slurm/gres.conf
#: step the same file everywhere
for node in gpu1 gpu2; do
    ssh $node 'cat > /etc/slurm/gres.conf' < /etc/slurm/gres.conf
done
#: step slurmd reads it
ssh gpu2 systemctl restart slurmd
