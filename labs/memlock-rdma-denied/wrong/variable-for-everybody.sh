# Whoever logs in anew tells srun to carry nothing along. Who does not, does not.
echo SLURM_PROPAGATE=NONE >> /etc/environment
echo 'export SLURM_PROPAGATE=NONE' > /etc/profile.d/slurm.sh
