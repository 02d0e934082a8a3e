# A cache that claims to have come second, whenever it came.
sed -i 's/^    stood = pool()/    stood = 999/' /opt/featured/bin/featured
systemctl restart featured
systemctl restart inferd || true
