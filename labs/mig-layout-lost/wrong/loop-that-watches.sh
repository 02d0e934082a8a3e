# A unit that never ends and mends whatever it finds.
cat > /usr/local/sbin/slices-loop <<'LOOP'
#!/bin/bash
/usr/local/sbin/mig-layout /etc/mig-layout.conf
while sleep 2; do
    nvidia-smi mig -i 0,1 -lci > /dev/null || nvidia-smi mig -i 0,1 -cci
    systemctl is-active --quiet notebook-pool || systemctl start --no-block notebook-pool
done
LOOP
chmod 0755 /usr/local/sbin/slices-loop
install -d /etc/systemd/system/mig-layout.service.d
cat > /etc/systemd/system/mig-layout.service.d/loop.conf <<'DROPIN'
[Service]
Type=simple
ExecStart=
ExecStart=/usr/local/sbin/slices-loop
DROPIN
systemctl daemon-reload
systemctl restart mig-layout
