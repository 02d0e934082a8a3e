# The queue as it should have been, for those who wait now.
for job in $(squeue --noheader --states=pending --user=ada --format=%i); do
    scontrol update jobid="$job" nice=100000 || true
done
