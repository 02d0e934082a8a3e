# Holds as long as /run does.
systemctl mask --runtime --now systemd-logind
