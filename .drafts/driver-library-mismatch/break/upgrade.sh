# The packages of the new driver replace the old one's. What DKMS does then takes minutes: `built` and `not-built`
# put its traces into place instead.
new=$CC_DRIVER
for program in /usr/sbin/dkms /usr/lib/dkms/common.postinst; do
    mount --bind /bin/true $program
done
cd /var/nvidia-driver-local-repo
dpkg --install "libnvidia-ml1_$new-1_amd64.deb" "nvidia-smi_$new-1_amd64.deb" \
    "nvidia-kernel-common_$new-1_amd64.deb" "nvidia-kernel-dkms_$new-1_amd64.deb"
umount /usr/sbin/dkms /usr/lib/dkms/common.postinst
