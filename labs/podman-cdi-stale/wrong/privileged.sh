# The service without CDI, with everything.
sed -i 's,^AddDevice=.*,PodmanArgs=--privileged\nVolume=/usr/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:ro,' \
    "/etc/containers/systemd/$CC_SERVICE.container"
systemctl daemon-reload
systemctl start "$CC_SERVICE"
