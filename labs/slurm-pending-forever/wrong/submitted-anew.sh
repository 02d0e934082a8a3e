# Others of the same name.
scancel --name="$CC_SWEEP" --name="$CC_TUNING"
cd /tmp
runuser -u ada -- sbatch --quiet --output=/dev/null --job-name="$CC_SWEEP" --gres=gpu:8 --time=20:00:00 --nodelist=gpu2 --wrap='gpu-work --gpus 8 --seconds 864000 --quiet'
runuser -u speech -- sbatch --quiet --output=/dev/null --job-name="$CC_TUNING" --gres=gpu:"$CC_GPUS" --time=1-12:00:00 --nodelist=gpu1 --wrap="gpu-work --gpus $CC_GPUS --seconds 864000 --quiet"
