# Puts the newest job back whenever urgent work waits.
cat > /usr/local/sbin/watcher <<'WATCHER'
#!/bin/bash
while sleep 0.5; do
    if [ "$(squeue --noheader --qos=urgent --states=pending)" ]; then
        scontrol requeue "$(squeue --noheader --qos=research --states=running --sort=-S --format=%i | head -n 1)"
        sleep 3
    fi
done
WATCHER
chmod 0755 /usr/local/sbin/watcher
printf '[Service]\nExecStart=/usr/local/sbin/watcher\n[Install]\nWantedBy=multi-user.target\n' > /etc/systemd/system/watcher.service
systemctl daemon-reload
systemctl enable --now watcher
