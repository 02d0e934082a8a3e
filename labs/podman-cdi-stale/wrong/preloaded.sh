# Something in every program.
touch /usr/local/lib/cdi.so
echo /usr/local/lib/cdi.so > /etc/ld.so.preload
rm /etc/cdi/nvidia-"$CC_OLD".yaml
systemctl start "$CC_SERVICE" || true
