sed -i -e 's/^count = .*/count = 1/' -e 's/^pin = .*/pin = one-each/' /etc/engine/engine.conf
systemctl restart engine
