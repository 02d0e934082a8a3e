#: step busy nodes too
for node in ctl gpu1 gpu2 gpu3; do
    ssh $node "sed -i '/beside a job/d; s/^HealthCheckNodeState=IDLE/HealthCheckNodeState=ANY/' /etc/slurm/slurm.conf"
done
#: step the daemons read it
scontrol reconfigure
