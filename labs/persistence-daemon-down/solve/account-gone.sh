#: step the account
useradd --system --user-group --no-create-home --home-dir /var/run/nvpd --shell /usr/sbin/nologin nvpd
#: step the daemon
systemctl reset-failed nvidia-persistenced
systemctl start nvidia-persistenced
#: step the cap
systemctl restart gpu-power-cap
