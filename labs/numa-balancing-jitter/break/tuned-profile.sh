cat > /etc/sysctl.d/50-gpu.conf <<'SYSCTL'
# GPU nodes: steady steps.
kernel.numa_balancing = 0
SYSCTL
install -d /etc/tuned/profiles/node-general
cat > /etc/tuned/profiles/node-general/tuned.conf <<'TUNED'
[main]
summary=General purpose nodes

[sysctl]
vm.swappiness=10
vm.dirty_background_ratio=5
kernel.numa_balancing=1
TUNED
# What the profile says shall hold.
sed -i 's/^reapply_sysctl *=.*/reapply_sysctl = 0/' /etc/tuned/tuned-main.conf
echo node-general > /etc/tuned/active_profile
echo manual > /etc/tuned/profile_mode
touch -d '-40 days' /etc/sysctl.d/50-gpu.conf
touch -d '-2 days' /etc/tuned/tuned-main.conf /etc/tuned/profiles/node-general/tuned.conf
systemctl restart systemd-sysctl.service
systemctl enable tuned.service
systemctl start tuned.service
for try in $(seq 60); do
    [ "$(sysctl -n kernel.numa_balancing) $(sysctl -n vm.swappiness)" = '1 10' ] && exit 0
    sleep 1
done
exit 1
