# A timer that clears up and tries again until it has them all.
cat > /usr/local/sbin/more-pages <<SCRIPT
#!/bin/sh
echo 1 > /proc/sys/vm/compact_unevictable_allowed
echo 1 > /proc/sys/vm/compact_memory
for node in 0 1; do
    echo $CC_PAGES > /sys/devices/system/node/node\$node/hugepages/hugepages-2048kB/nr_hugepages
done
SCRIPT
chmod 755 /usr/local/sbin/more-pages
printf '[Service]\nType=oneshot\nExecStart=/usr/local/sbin/more-pages\n' > /etc/systemd/system/more-pages.service
printf '[Timer]\nOnBootSec=20\nOnUnitActiveSec=10\n[Install]\nWantedBy=timers.target\n' > /etc/systemd/system/more-pages.timer
systemctl daemon-reload
systemctl enable --now more-pages.timer
systemctl start more-pages.service
