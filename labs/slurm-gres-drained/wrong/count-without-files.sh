# Four, on my word.
for node in ctl gpu1 gpu2; do
    ssh $node 'printf "NodeName=gpu1 Name=gpu Type=h100 File=/dev/nvidia[0-7]\nNodeName=gpu2 Name=gpu Type=l4 Count=4\n" > /etc/slurm/gres.conf'
done
ssh gpu2 systemctl restart slurmd
