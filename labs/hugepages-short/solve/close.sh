#: step close the pool to others
sed -i "s|^hugetlbfs /srv/inferd/pool .*|hugetlbfs /srv/inferd/pool hugetlbfs mode=0770,uid=$(id -u infer),gid=$(id -g infer),pagesize=2M 0 0|" /etc/fstab
systemctl daemon-reload
systemctl stop inferd
umount /srv/inferd/pool
mount /srv/inferd/pool
