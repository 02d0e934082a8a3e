sed -i 's/^pin = .*/pin = together/' /etc/engine/engine.conf
touch -d '-40 days' /etc/engine/engine.conf
