# The node with the waiting row is taken back as it is.
scontrol update nodename=gpu3 state=resume

scontrol requeue "$(squeue --noheader --name=finetune --format=%i)"

scontrol update nodename=gpu1 state=resume

scontrol update nodename=gpu2 state=drain reason='0000:b9:00 Xid 64: no spare row is left, the board goes back'

cat > /root/handover.json <<'JSON'
{
  "gpu1": { "5": "reset", "6": "leave" },
  "gpu2": { "4": "leave", "6": "pull" },
  "gpu3": { "4": "restart-job", "6": "leave", "7": "leave" }
}
JSON
