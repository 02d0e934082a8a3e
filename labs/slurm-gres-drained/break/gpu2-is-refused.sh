# slurmd has registered with fewer GPUs than slurm.conf says; ada's job must be running before anybody looks.
for _ in {1..400}; do
    [ "$(squeue --noheader --states=running --name=pretrain)" ] &&
        [ "$(sinfo --noheader --nodes=gpu2 --format=%T)" = inval ] && exit
    sleep 0.05
done
echo 'gpu2 did not register within 20 s' >&2
exit 1
