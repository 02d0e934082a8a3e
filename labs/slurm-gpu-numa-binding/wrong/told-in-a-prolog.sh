# Each job is told where to compute. What it has been given stays what it is.
cat > /etc/slurm/near.sh <<'PROLOG'
#!/bin/sh
if [ "${SLURM_STEP_GPUS%%,*}" -lt 4 ]; then
    echo export GOMP_CPU_AFFINITY=0-55
    echo export OMP_PLACES='{0:56}'
else
    echo export GOMP_CPU_AFFINITY=56-111
    echo export OMP_PLACES='{56:56}'
fi
PROLOG
chmod 0755 /etc/slurm/near.sh
echo TaskProlog=/etc/slurm/near.sh >> /etc/slurm/slurm.conf
for node in gpu1 gpu2; do
    ssh $node 'cat > /etc/slurm/near.sh; chmod 0755 /etc/slurm/near.sh' < /etc/slurm/near.sh
    ssh $node 'cat > /etc/slurm/slurm.conf' < /etc/slurm/slurm.conf
    ssh $node systemctl restart slurmd
done
systemctl restart slurmctld
