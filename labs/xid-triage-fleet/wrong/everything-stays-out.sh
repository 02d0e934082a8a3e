# Better safe than sorry: whatever had an Xid stays out, with a careful reason.
scontrol update nodename=gpu1 state=drain reason='0000:a8:00 Xid 63'
scontrol update nodename=gpu2 state=drain reason='0000:b9:00 Xid 64'
scontrol update nodename=gpu3 state=drain reason='0000:b9:00 Xid 31'
cat > /root/handover.json <<'JSON'
{
  "gpu1": { "5": "reset", "6": "leave" },
  "gpu2": { "4": "leave", "6": "pull" },
  "gpu3": { "4": "restart-job", "6": "leave", "7": "leave" }
}
JSON
