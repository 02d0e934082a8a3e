# The mode of all GPUs, because nobody said which.
cat > /etc/systemd/system/mig-layout.service <<UNIT
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'nvidia-smi -L | grep -q MIG || { nvidia-smi -mig 1; nvidia-smi mig -i 0,1 -cgi 3g.40gb,$CC_SECOND,1g.10gb,1g.10gb -C; }'
UNIT
systemctl daemon-reload
systemctl stop gpu-canary
systemctl start mig-layout gpu-canary notebook-pool
