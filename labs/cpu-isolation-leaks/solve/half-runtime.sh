systemctl set-property --runtime backup.slice AllowedCPUs=0-1
systemctl restart engine
