# Whoever logs in has the flag. Whoever comes by cron, by ssh with a command or by a workflow has not.
for node in ctl gpu1 gpu2; do
    ssh $node 'printf "export SLURM_GRES_FLAGS=enforce-binding\nexport SBATCH_GRES_FLAGS=enforce-binding\n" > /etc/profile.d/slurm.sh'
done
