# Right on disk; the running cache has not heard of it.
rm /etc/feature-cache/conf.d/90-loadtest.conf
systemctl restart trainer
