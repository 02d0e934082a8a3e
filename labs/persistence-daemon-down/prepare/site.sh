# The site as it is on every node of this kind: who may open the GPUs, how they
# begin, the persistence daemon and the power cap.
units=/usr/local/lib/systemd/system
install -d $units /etc/systemd/system/nvidia-persistenced.service.d
groupadd --system "$CC_GROUP"
usermod --append --groups "$CC_GROUP" ada

# Masked while it is installed, or the package would start it before its time.
systemctl mask --quiet nvidia-persistenced
dpkg --install /var/nvidia-driver-local-repo/nvidia-persistenced_580.105.08-1_*.deb > /dev/null 2>&1
systemctl unmask --quiet nvidia-persistenced
systemctl daemon-reload
systemctl enable --quiet nvidia-persistenced

cat > $units/gpu-access.service <<UNIT
[Unit]
Description=GPUs for members of $CC_GROUP alone

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'chgrp $CC_GROUP /dev/nvidiactl /dev/nvidia[0-9]* /dev/nvidia-uvm'
ExecStart=/bin/sh -c 'chmod 0660 /dev/nvidiactl /dev/nvidia[0-9]* /dev/nvidia-uvm'

[Install]
WantedBy=multi-user.target
UNIT
cat > $units/gpu-baseline.service <<'UNIT'
[Unit]
Description=GPUs as each of them begins here
Before=nvidia-persistenced.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/nvidia-smi -pm 0
ExecStart=/usr/bin/nvidia-smi -c DEFAULT

[Install]
WantedBy=multi-user.target
UNIT

cat > /etc/default/gpu-power-cap <<CONF
# Watts for each GPU of this node. The feed of the rack is reckoned with it.
WATTS=$CC_WATTS
CONF
cat > $units/gpu-power-cap.service <<'UNIT'
[Unit]
Description=Power cap of the GPUs
After=gpu-baseline.service nvidia-persistenced.service

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
DROPIN

touch -d '-240 days' $units/* /etc/default/gpu-power-cap /etc/systemd/system/nvidia-persistenced.service.d/site.conf
systemctl daemon-reload
systemctl enable --quiet gpu-access gpu-baseline gpu-power-cap
