#: step resume-gpu1
scontrol update nodename=gpu1 state=resume

#: step restart-job
scontrol requeue "$(squeue --noheader --name=finetune --format=%i)"

#: step reset
ssh gpu2 nvidia-smi --gpu-reset --id=4,5

#: step resume-gpu2
scontrol update nodename=gpu2 state=resume

#: step reason
scontrol update nodename=gpu3 state=drain reason='0000:a8:00 Xid 64: no spare row is left, the board goes back'

#: step hand-over
cat > /root/handover.json <<'JSON'
{
  "gpu1": { "4": "restart-job", "6": "leave", "7": "leave" },
  "gpu2": { "4": "reset", "5": "reset", "6": "leave" },
  "gpu3": { "5": "pull", "7": "leave" }
}
JSON
