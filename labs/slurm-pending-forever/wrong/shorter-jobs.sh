# The reservation goes, and the jobs are made to fit.
scontrol delete reservation="$CC_BENCHMARK"
for name in "$CC_SWEEP" "$CC_TUNING"; do
    scontrol update jobid="$(squeue --noheader --name="$name" --format=%A)" timelimit=55
done
echo "$CC_VISIT $CC_RULE_TIME" > "/srv/tickets/$CC_TICKET.txt"
