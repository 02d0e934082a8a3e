#: step make the initramfs anew
sed -i 's/^update_initramfs=.*/update_initramfs=yes/' /etc/initramfs-tools/update-initramfs.conf
systemd-run --quiet --unit=mend --service-type=oneshot --no-block update-initramfs -u
