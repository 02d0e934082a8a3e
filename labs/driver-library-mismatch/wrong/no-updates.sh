# Never change a running system.
systemctl disable --quiet --now node-updates.timer
