# 1 is what Slurm takes without the line.
for node in ctl gpu1 gpu2; do
    ssh $node "sed -i '/^JobRequeue=/d' /etc/slurm/slurm.conf"
done
systemctl restart slurmctld
for node in gpu1 gpu2; do
    ssh $node systemctl restart slurmd
done
scontrol update jobid="$(squeue --noheader --user=ada --format=%i | paste -sd ,)" requeue=1
