install -d "/etc/tuned/profiles/$CC_PROFILE"
cat > "/etc/tuned/profiles/$CC_PROFILE/tuned.conf" <<'CONF'
[main]
summary=Training first: everything on huge pages

[vm]
transparent_hugepages=always

[sysfs]
/sys/kernel/mm/transparent_hugepage/defrag=always

[sysctl]
vm.swappiness=10
CONF
touch -d '-12 days' "/etc/tuned/profiles/$CC_PROFILE/tuned.conf"
echo "$CC_PROFILE" > /etc/tuned/active_profile
echo manual > /etc/tuned/profile_mode
systemctl enable --quiet tuned
systemctl start tuned
# Not before its settings are there.
for second in {1..60}; do
    grep -q '\[always\]' /sys/kernel/mm/transparent_hugepage/defrag && break
    sleep 1
done
