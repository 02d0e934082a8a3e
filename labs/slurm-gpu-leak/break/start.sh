# Only now, with the fault in.
systemctl daemon-reload
systemctl enable --quiet munge slurmctld slurmd long-jobs
systemctl start munge slurmctld slurmd
systemctl start long-jobs
for _ in {1..240}; do
    [ "$(squeue --noheader --states=running --name="$CC_RUN,index" --format=%u | sort | tr '\n' ' ')" != 'ada bea ' ] ||
        { [ -s "/run/long-jobs/$CC_RUN" ] && [ -s /run/long-jobs/index ] && exit; }
    sleep 0.5
done
echo 'the long jobs do not run' >&2
sinfo -R >&2
squeue >&2
exit 1
