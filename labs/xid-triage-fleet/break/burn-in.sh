# Somebody of the night shift wanted to see whether the GPU still computes, and
# left it computing.
CUDA_VISIBLE_DEVICES=7 setsid nohup gpu-work --memory 4096 --quiet > /root/burn-in.log 2>&1 < /dev/null &
for _ in {1..200}; do
    [ -z "$(nvidia-smi --id=7 --query-compute-apps=pid --format=csv,noheader)" ] || exit 0
    sleep 0.05
done
echo 'the burn-in has not begun' >&2
exit 1
