# The profile keeps what is its own, and the boot line says the rest; defrag is madvise by default.
sed -i -e '/^\[vm\]/d' -e '/^transparent_hugepages=/d' -e '/^\[sysfs\]/d' -e '/transparent_hugepage\/defrag/d' \
    "/etc/tuned/profiles/$CC_PROFILE/tuned.conf"
sed -i 's/^GRUB_CMDLINE_LINUX="\(.*\)"/GRUB_CMDLINE_LINUX="\1 transparent_hugepage=madvise"/' /etc/default/grub
update-grub
systemctl restart tuned
echo madvise > /sys/kernel/mm/transparent_hugepage/enabled
echo madvise > /sys/kernel/mm/transparent_hugepage/defrag
