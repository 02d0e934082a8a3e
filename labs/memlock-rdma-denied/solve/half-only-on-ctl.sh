# srun asks the file of the node where it is started; the others have another truth.
sed -i 's/^PropagateResourceLimitsExcept=.*/PropagateResourceLimitsExcept=MEMLOCK,NOFILE/' /etc/slurm/slurm.conf
scontrol reconfigure
