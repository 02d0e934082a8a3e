# Every job is preceded by the gate, so no job will meet a broken GPU.
for node in ctl gpu1 gpu2 gpu3; do
    ssh $node "sed -i 's,^HealthCheckProgram=.*,&\nProlog=/usr/local/sbin/$CC_GATE,' /etc/slurm/slurm.conf"
done
systemctl restart slurmctld
