#: step let it be built for every kernel
sed -i '/^# Change/d; /^BUILD_EXCLUSIVE_KERNEL=/d' /usr/src/nvidia-580.105.08/dkms.conf
