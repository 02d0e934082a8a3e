# The list, and this kernel in it.
kernel=$(uname -r)
version=${kernel%%[+-]*}
sed -i "s/^\(BUILD_EXCLUSIVE_KERNEL=.*\))/\1|${version##*.})/" /usr/src/nvidia-580.105.08/dkms.conf
