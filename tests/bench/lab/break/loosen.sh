chmod 0644 /etc/service/key
