#: step the unit
for node in gpu1 gpu2; do
    ssh $node "sed -i 's/^LimitMEMLOCK=.*/LimitMEMLOCK=infinity/' /etc/systemd/system/slurmd.service.d/site.conf; systemctl daemon-reload"
done
#: step the daemon
for node in gpu1 gpu2; do
    ssh $node systemctl restart slurmd
done
