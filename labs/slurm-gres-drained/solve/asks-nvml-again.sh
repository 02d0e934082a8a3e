# Lets slurmd look for itself, as it did before.
for node in ctl gpu1 gpu2; do
    ssh $node 'echo AutoDetect=nvml > /etc/slurm/gres.conf'
done
for node in gpu1 gpu2; do
    ssh $node systemctl restart slurmd
done
