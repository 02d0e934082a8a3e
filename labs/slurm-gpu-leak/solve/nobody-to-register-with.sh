# pam_systemd is optional: without logind it does nothing.
systemctl mask --now systemd-logind
