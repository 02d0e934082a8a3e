# As much as a job needs and not without limit, in a drop-in that comes last.
cat > /etc/systemd/system/slurmd.service.d/zz-memlock.conf <<'DROPIN'
[Service]
LimitMEMLOCK=8M
DROPIN
systemctl daemon-reload
systemctl restart slurmd
