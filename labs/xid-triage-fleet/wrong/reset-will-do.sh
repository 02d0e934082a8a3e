# Xid 154 says "Drain and Reset", so a reset it gets, and work again.
ssh gpu2 nvidia-smi --gpu-reset --id=6
scontrol update nodename=gpu2 state=resume
scontrol update nodename=gpu3 state=resume

scontrol requeue "$(squeue --noheader --name=finetune --format=%i)"

ssh gpu1 nvidia-smi --gpu-reset --id=5

scontrol update nodename=gpu1 state=resume

cat > /root/handover.json <<'JSON'
{
  "gpu1": { "5": "reset", "6": "leave" },
  "gpu2": { "4": "leave", "6": "pull" },
  "gpu3": { "4": "restart-job", "6": "leave", "7": "leave" }
}
JSON
