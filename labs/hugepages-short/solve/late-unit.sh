#: step reserve before anybody else
cat > /etc/systemd/system/hugepages.service <<UNIT
[Unit]
Description=Huge pages for inferd
DefaultDependencies=no
Before=sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'for node in 0 1; do echo $CC_PAGES > /sys/devices/system/node/node\$node/hugepages/hugepages-2048kB/nr_hugepages; done'

[Install]
WantedBy=sysinit.target
UNIT
systemctl daemon-reload
systemctl reenable --quiet hugepages
