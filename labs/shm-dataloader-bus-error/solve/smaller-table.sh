# Keeps the load test's file and agrees on a size within the house rules.
sed -i 's/^size_mib = .*/size_mib = 48/' /etc/feature-cache/conf.d/90-loadtest.conf
systemctl stop trainer
systemctl restart feature-cache
systemctl start trainer
