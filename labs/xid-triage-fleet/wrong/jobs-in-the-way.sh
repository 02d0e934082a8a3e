# Resets all GPUs of the node. Those that work are refused, so the work goes.
if ssh gpu3 nvidia-smi --gpu-reset; then
    echo 'GPUs were reset under running jobs' >&2
    exit 1
fi
ssh gpu3 'pkill -KILL -x gpu-work; sleep 8; nvidia-smi --gpu-reset'
