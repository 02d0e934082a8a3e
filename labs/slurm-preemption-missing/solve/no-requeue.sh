#: step jobs may be put back
for node in ctl gpu1 gpu2; do
    ssh $node "sed -i 's/^JobRequeue=.*/JobRequeue=1/' /etc/slurm/slurm.conf"
done
#: step Slurm reads it
systemctl restart slurmctld
for _ in {1..50}; do
    case $(scontrol ping 2>&1) in *' is UP'*) break ;; esac
    sleep 0.2
done
#: step those that run may be put back, too
for job in $(squeue --noheader --user=ada --format=%i); do
    scontrol update jobid=$job requeue=1
done
