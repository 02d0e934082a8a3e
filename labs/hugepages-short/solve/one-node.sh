#: step half of them on each node
sed -i "s|^ExecStart=.*|ExecStart=/bin/sh -c 'for node in 0 1; do echo $CC_PAGES > /sys/devices/system/node/node\$node/hugepages/hugepages-2048kB/nr_hugepages; done'|" \
    /etc/systemd/system/hugepages.service
systemctl daemon-reload
