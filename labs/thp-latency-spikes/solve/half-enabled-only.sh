# One file of the two.
sed -i 's/transparent_hugepage=always/transparent_hugepage=madvise/' /etc/default/grub
update-grub
echo madvise > /sys/kernel/mm/transparent_hugepage/enabled
