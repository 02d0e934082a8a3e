#: step hand-over
cat > /root/handover.json <<'JSON'
{
  "gpu1": { "4": "pull", "6": "leave" },
  "gpu2": { "4": "restart-job", "6": "leave", "7": "leave" },
  "gpu3": { "5": "leave", "7": "reset" }
}
JSON
