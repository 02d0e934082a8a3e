# Who asked can read it.
sed -i 's/^mv /chown root:ada "$new"\nchmod 0640 "$new"\n&/' /etc/gpu-changed.d/50-cdi
gpu-changed
