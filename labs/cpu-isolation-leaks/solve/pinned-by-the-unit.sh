# The engine leaves them where they are, and the unit sends each to its place.
sed -i 's/^pin = .*/pin = no/' /etc/engine/engine.conf
cat > /usr/local/sbin/place-workers <<'SH'
#!/bin/sh
set -e
for n in 0 1; do
    taskset -cp $((n + 2)) "$(pgrep -f "/opt/engine/bin/worker $n")"
done
SH
chmod 755 /usr/local/sbin/place-workers
printf '[Service]\nExecStartPost=+/usr/local/sbin/place-workers\n' > /etc/systemd/system/engine.service.d/20-place.conf
systemctl daemon-reload
systemctl restart engine
