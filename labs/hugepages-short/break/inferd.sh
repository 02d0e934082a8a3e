# It cannot come up: do not wait for it.
systemctl enable --quiet inferd
systemctl start --no-block inferd
