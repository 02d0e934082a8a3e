# A second writer beside the first: which of them comes last is a matter of the day.
cat > /etc/tmpfiles.d/zz-thp.conf <<'CONF'
w /sys/kernel/mm/transparent_hugepage/enabled - - - - madvise
w /sys/kernel/mm/transparent_hugepage/defrag - - - - defer+madvise
CONF
systemd-tmpfiles --create zz-thp.conf
