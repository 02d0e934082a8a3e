# The page that should have come.
curl --silent --data '{"receiver":"pager","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"GpuBroken","instance":"gpu1","pci":"0000:5e:00","severity":"page","xid":"79"}}]}' http://localhost:9099/page
