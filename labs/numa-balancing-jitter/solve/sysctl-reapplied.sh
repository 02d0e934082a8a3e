# sysctl.d has the last word again, as tuned comes from its package.
sed -i 's/^reapply_sysctl *=.*/reapply_sysctl = 1/' /etc/tuned/tuned-main.conf
systemctl restart tuned
for try in $(seq 60); do
    [ "$(sysctl -n kernel.numa_balancing)" = 0 ] && break
    sleep 1
done
