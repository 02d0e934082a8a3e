#: step hand-over
cat > /root/handover.json <<'JSON'
{
  "gpu1": { "4": "restart-job", "6": "leave", "7": "leave" },
  "gpu2": { "4": "reset", "5": "reset", "6": "leave" },
  "gpu3": { "5": "pull", "7": "leave" }
}
JSON
