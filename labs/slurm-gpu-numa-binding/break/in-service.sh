# Slurm is content with what it has read, and ada's job runs.
for _ in {1..400}; do
    [ "$(squeue --noheader --states=running --name=pretrain)" ] &&
        [ "$(sinfo --noheader --nodes=gpu1 --format=%T)" = idle ] && exit
    sleep 0.05
done
echo 'gpu1 is not in service' >&2
sinfo --Node --long >&2
exit 1
