# From gpu1: the two out by hand first, for reasons that serve; then a sound copy of the gate beside the old one.
scontrol update nodename=gpu2 state=drain reason='GPU 6 (b9:00): remapping failure, Xid 64, board to be replaced'
scontrol update nodename=gpu3 state=drain reason='GPU 5 hangs (Xid 119)'
for node in gpu1 gpu2 gpu3; do
    ssh $node "tr -d '\r' < /usr/local/sbin/$CC_GATE > /usr/local/sbin/gate-2; chmod 0750 /usr/local/sbin/gate-2"
done
for node in ctl gpu1 gpu2 gpu3; do
    ssh $node "sed -i 's,^HealthCheckProgram=.*,HealthCheckProgram=/usr/local/sbin/gate-2,' /etc/slurm/slurm.conf"
done
scontrol reconfigure
