# Kept under a name that means nothing; then what a kernel's packages call.
mv /etc/dkms/no-autoinstall /etc/dkms/no-autoinstall.off
/etc/kernel/header_postinst.d/dkms "$(uname -r)"
sync
