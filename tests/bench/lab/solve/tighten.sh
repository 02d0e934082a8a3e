#: step tighten
chmod 0400 /etc/service/key
