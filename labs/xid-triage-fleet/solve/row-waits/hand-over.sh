#: step hand-over
cat > /root/handover.json <<'JSON'
{
  "gpu1": { "5": "reset", "6": "leave" },
  "gpu2": { "4": "leave", "6": "pull" },
  "gpu3": { "4": "restart-job", "6": "leave", "7": "leave" }
}
JSON
