#: step a processor for each worker
sed -i 's/^pin = .*/pin = one-each/' /etc/engine/engine.conf
#: step let the engine read it
systemctl restart engine
