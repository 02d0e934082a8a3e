#: step a unit that cuts them
cat > /usr/local/sbin/mig-layout <<SCRIPT
#!/bin/bash
# Cuts the GPUs of the notebook pool, where they are not cut yet.
set -e
for gpu in 0 1; do
    [ "\$(nvidia-smi mig -i \$gpu -lci | grep -c MIG)" != 4 ] || continue
    nvidia-smi -i \$gpu -mig 1
    nvidia-smi mig -i \$gpu -cgi 3g.40gb,$CC_SECOND,1g.10gb,1g.10gb -C
done
SCRIPT
chmod 0755 /usr/local/sbin/mig-layout
cat > /etc/systemd/system/mig-layout.service <<'UNIT'
[Unit]
Description=MIG layout of this node

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/mig-layout

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable mig-layout
#: step cut them now
systemctl stop gpu-canary
systemctl start mig-layout
systemctl start gpu-canary
#: step the pool
systemctl start notebook-pool
