# Holds as long as /run does.
install -d /run/systemd/system/slurmd.service.d
printf '[Service]\nExecStart=\nExecStart=/usr/sbin/slurmd --systemd\n' > /run/systemd/system/slurmd.service.d/here.conf
systemctl daemon-reload
systemctl restart slurmd
