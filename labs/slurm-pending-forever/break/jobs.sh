# Two jobs as they should be, and one that asks for what the sheet does not give.
cd /tmp
submit() { runuser -u "$1" -- sbatch --quiet --output=/dev/null --job-name="$2" --wrap="gpu-work --gpus $3 --seconds 864000 --quiet" --gres="gpu:$3" "${@:4}"; }

submit ada "$CC_SWEEP" 8 --time=20:00:00 --nodelist=gpu2
submit speech "$CC_TUNING" "$CC_GPUS" --time=1-12:00:00 --nodelist=gpu1
case $CC_VARIANT in
wrong-qos | wrong-parent) submit guest "$CC_VISIT" 3 --time=12:00:00 ;;
left-over) submit guest "$CC_VISIT" 1 --time=$((CC_DAYS + 2))-00:00:00 ;;
partition-qos) submit guest "$CC_VISIT" 2 --qos=debug --time=12:00:00 ;;
esac

# Slurm has looked at all three before anybody else does.
for _ in {1..100}; do
    squeue --noheader --states=pending --format=%r | grep --quiet --line-regexp None || exit 0
    sleep 0.05
done
