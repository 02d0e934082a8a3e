# A process that reads its configuration again keeps the limits that it was born with.
for node in gpu1 gpu2; do
    ssh $node 'systemctl daemon-reload; systemctl reload slurmd'
done
sleep 1
scontrol reconfigure
