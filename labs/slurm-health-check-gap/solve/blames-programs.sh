#: step only what accuses the board
for node in gpu1 gpu2 gpu3; do
    ssh $node "sed -i 's/(\[0-9\]+)/(48|63|64|74|79|95|119|120)/' /usr/local/sbin/$CC_GATE"
done
#: step asked again
for node in ctl gpu1 gpu2 gpu3; do
    ssh $node "sed -i 's/^HealthCheckInterval=0/HealthCheckInterval=5/' /etc/slurm/slurm.conf"
done
#: step the daemons read it
scontrol reconfigure
