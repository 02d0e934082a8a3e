#: step give the processor back
sed -i 's/^AllowedCPUs=.*/AllowedCPUs=0-1/' /etc/systemd/system/backup.slice
systemctl daemon-reload
systemctl restart archived
#: step make the partition anew
systemctl restart engine
