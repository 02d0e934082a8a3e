cat > /etc/systemd/system/hugepages.service <<UNIT
[Unit]
Description=Huge pages for inferd
DefaultDependencies=no
# Early, while memory is whole.
Before=sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'echo $((2 * CC_PAGES)) > /sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages'

[Install]
WantedBy=sysinit.target
UNIT
touch -d '-9 days' /etc/systemd/system/hugepages.service
systemctl daemon-reload
systemctl enable --quiet featured hugepages
systemctl start hugepages
systemctl start featured
