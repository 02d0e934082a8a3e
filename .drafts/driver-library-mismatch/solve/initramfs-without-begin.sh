# The root file system has the module, and nothing needs the GPUs before that.
sed -i 's/^update_initramfs=.*/update_initramfs=yes/' /etc/initramfs-tools/update-initramfs.conf
sed -i '/^nvidia$/d' /etc/initramfs-tools/modules
systemd-run --quiet --unit=mend --service-type=oneshot --no-block update-initramfs -u
