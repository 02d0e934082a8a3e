#: step resume-gpu2
scontrol update nodename=gpu2 state=resume

#: step restart-job
scontrol requeue "$(squeue --noheader --name=finetune --format=%i)"

#: step reset
# A burn-in that nobody waits for.
ssh gpu3 'kill $(nvidia-smi --id=7 --query-compute-apps=pid --format=csv,noheader); sleep 1'
ssh gpu3 nvidia-smi --gpu-reset --id=7

#: step resume-gpu3
scontrol update nodename=gpu3 state=resume

#: step reason
scontrol update nodename=gpu1 state=drain reason='0000:97:00 Xid 79: off the bus, needs hands'

#: step hand-over
cat > /root/handover.json <<'JSON'
{
  "gpu1": { "4": "pull", "6": "leave" },
  "gpu2": { "4": "restart-job", "6": "leave", "7": "leave" },
  "gpu3": { "5": "leave", "7": "reset" }
}
JSON
