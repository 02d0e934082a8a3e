#: step correct the profile
sed -i -e 's/^transparent_hugepages=.*/transparent_hugepages=madvise/' \
    -e 's|^\(/sys/kernel/mm/transparent_hugepage/defrag\)=.*|\1=defer+madvise|' "/etc/tuned/profiles/$CC_PROFILE/tuned.conf"
#: step let tuned notice
systemctl restart tuned
for second in {1..60}; do
    grep -q '\[defer+madvise\]' /sys/kernel/mm/transparent_hugepage/defrag && break
    sleep 1
done
