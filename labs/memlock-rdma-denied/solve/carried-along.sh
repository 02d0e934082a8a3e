#: step not this one
for node in ctl gpu1 gpu2; do
    ssh $node "sed -i 's/^PropagateResourceLimitsExcept=.*/PropagateResourceLimitsExcept=MEMLOCK,NOFILE/' /etc/slurm/slurm.conf"
done
# srun and sbatch read the file themselves, the daemons when they are told.
scontrol reconfigure
