# Every program of the trainer starts with this one.
cat > /usr/local/bin/python-wrapper <<'WRAPPER'
#!/bin/sh
exec /usr/bin/python3.13 "$@"
WRAPPER
chmod 0755 /usr/local/bin/python-wrapper
ln -sf /usr/local/bin/python-wrapper /usr/bin/python3
systemctl restart trainer
