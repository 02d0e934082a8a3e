#: step what runs
for node in gpu1 gpu2; do
    ssh $node systemctl restart slurmd
done
