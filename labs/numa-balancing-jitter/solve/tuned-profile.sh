#: step balancing off
sed -i 's/^kernel.numa_balancing=.*/kernel.numa_balancing=0/' /etc/tuned/profiles/node-general/tuned.conf
systemctl restart tuned
for try in $(seq 60); do
    [ "$(sysctl -n kernel.numa_balancing)" = 0 ] && break
    sleep 1
done
