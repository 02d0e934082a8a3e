# The old jobs are not confined, so away with them.
scancel --user=ada
scancel --user=bea
for _ in {1..100}; do
    [ "$(squeue --noheader)" ] || break
    sleep 0.3
done
echo ConstrainDevices=yes >> /etc/slurm/cgroup.conf
systemctl restart slurmd
runuser --user ada -- sbatch --quiet "/home/ada/$CC_RUN.sh"
runuser --user bea -- sbatch --quiet /home/bea/index.sh
