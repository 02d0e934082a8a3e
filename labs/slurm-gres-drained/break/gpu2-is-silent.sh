# The controller has given gpu2 up; ada's job must be running before anybody looks.
for _ in {1..100}; do
    [ "$(squeue --noheader --states=running --name=pretrain)" ] && break
    sleep 0.05
done
# An answer of gpu2's that was still on its way would put it back: look again.
for _ in {1..10}; do
    runuser -u slurm -- scontrol update nodename=gpu2 state=down reason='Not responding'
    sleep 0.1
    case $(sinfo --noheader --nodes=gpu2 --format=%T) in down*) break ;; esac
done
