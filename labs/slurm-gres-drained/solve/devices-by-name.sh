# Does without the plugin.
for node in ctl gpu1 gpu2; do
    ssh $node 'cat > /etc/slurm/gres.conf' <<'GRES'
NodeName=gpu1 Name=gpu Type=h100 File=/dev/nvidia[0-7]
NodeName=gpu2 Name=gpu Type=l4 File=/dev/nvidia0,/dev/nvidia1,/dev/nvidia2,/dev/nvidia3
GRES
done
for node in gpu1 gpu2; do
    ssh $node systemctl restart slurmd
done
