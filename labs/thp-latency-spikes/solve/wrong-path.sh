#: step correct the path
sed -i 's|/transparent_hugepages/|/transparent_hugepage/|' /etc/tmpfiles.d/transparent-hugepages.conf
#: step now
systemd-tmpfiles --create transparent-hugepages.conf
