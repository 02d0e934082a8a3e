# The pages come later, but to everybody still.
rm -f /etc/tmpfiles.d/transparent-hugepages.conf
cat > /etc/tmpfiles.d/zz-thp.conf <<'CONF'
w /sys/kernel/mm/transparent_hugepage/enabled - - - - always
w /sys/kernel/mm/transparent_hugepage/defrag - - - - defer+madvise
w /sys/kernel/mm/transparent_hugepage/khugepaged/defrag - - - - 0
CONF
systemd-tmpfiles --create zz-thp.conf
