#: step give back the room
rm /etc/feature-cache/conf.d/90-loadtest.conf
#: step let the cache notice
systemctl restart feature-cache
