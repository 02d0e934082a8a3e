# Resets all GPUs of the node. Those that work are refused, so the work goes.
! ssh gpu3 nvidia-smi --gpu-reset
ssh gpu3 'pkill -KILL -x gpu-work; sleep 8; nvidia-smi --gpu-reset'
scontrol update nodename=gpu2 state=resume

scontrol requeue "$(squeue --noheader --name=finetune --format=%i)"

scontrol update nodename=gpu3 state=resume

scontrol update nodename=gpu1 state=drain reason='0000:97:00 Xid 79: off the bus, needs hands'

cat > /root/handover.json <<'JSON'
{
  "gpu1": { "4": "pull", "6": "leave" },
  "gpu2": { "4": "restart-job", "6": "leave", "7": "leave" },
  "gpu3": { "5": "leave", "7": "reset" }
}
JSON
