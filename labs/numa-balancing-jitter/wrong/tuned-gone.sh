# Throws the profile out, with all that was good in it. Not to be seen by half of the rest.
systemctl disable --now tuned
systemctl restart systemd-sysctl
