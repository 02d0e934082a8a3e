#: step say what was agreed
cat > /etc/tmpfiles.d/transparent-hugepages.conf <<'CONF'
w /sys/kernel/mm/transparent_hugepage/enabled - - - - madvise
w /sys/kernel/mm/transparent_hugepage/defrag - - - - defer+madvise
CONF
#: step now
systemd-tmpfiles --create transparent-hugepages.conf
