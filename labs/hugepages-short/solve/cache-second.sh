# The unit stays as it is but for its order: the cache waits for it.
sed -i 's/^After=featured.service/Before=featured.service inferd.service/' /etc/systemd/system/hugepages.service
systemctl daemon-reload
