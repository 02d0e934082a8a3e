# Leaves Slurm's filter as it is and asks the gate from a service on each node, busy or not.
for node in gpu1 gpu2 gpu3; do
    ssh $node "cat > /etc/systemd/system/ask-gate.service; systemctl daemon-reload; systemctl enable --now ask-gate" <<UNIT
[Unit]
Description=Asks the gate, whatever runs here
After=munge.service slurmd.service

[Service]
ExecStart=/bin/sh -c 'while sleep 4; do timeout 10 /usr/local/sbin/$CC_GATE; done'
Restart=always

[Install]
WantedBy=multi-user.target
UNIT
done
