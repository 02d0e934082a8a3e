# Decides about SysV segments, not about files in a hugetlbfs.
echo "vm.hugetlb_shm_group = $(id -g infer)" > /etc/sysctl.d/61-infer-group.conf
sysctl --quiet --load /etc/sysctl.d/61-infer-group.conf
