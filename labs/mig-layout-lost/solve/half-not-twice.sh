# Tears down and builds up, which fails while people work.
cat > /etc/systemd/system/mig-layout.service <<UNIT
[Unit]
Description=MIG layout of this node

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/nvidia-smi -i 0,1 -mig 1
ExecStart=-/usr/bin/nvidia-smi mig -i 0,1 -dci
ExecStart=-/usr/bin/nvidia-smi mig -i 0,1 -dgi
ExecStart=/usr/bin/nvidia-smi mig -i 0,1 -cgi 3g.40gb,$CC_SECOND,1g.10gb,1g.10gb -C
UNIT
systemctl daemon-reload
systemctl stop gpu-canary
systemctl start mig-layout
systemctl start gpu-canary notebook-pool
