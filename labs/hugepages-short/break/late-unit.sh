cat > /etc/systemd/system/hugepages.service <<UNIT
[Unit]
Description=Huge pages for inferd
# The cache is the slowest to come up: let it go first, then there is time.
After=featured.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'for node in 0 1; do echo $CC_PAGES > /sys/devices/system/node/node\$node/hugepages/hugepages-2048kB/nr_hugepages; done'

[Install]
WantedBy=multi-user.target
UNIT
touch -d '-9 days' /etc/systemd/system/hugepages.service
systemctl daemon-reload
systemctl enable --quiet featured hugepages
systemctl start featured
systemctl start hugepages
