#: step put the enrolled pair back
cp -p "/var/backups/$CC_DISK/mok.key" "/var/backups/$CC_DISK/mok.pub" /var/lib/dkms/
