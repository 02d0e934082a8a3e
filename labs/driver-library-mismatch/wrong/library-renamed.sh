# The library says what its name says.
cd /usr/lib/x86_64-linux-gnu
cp "libnvidia-ml.so.$CC_DRIVER" libnvidia-ml.so.580.105.08
ln -sfn libnvidia-ml.so.580.105.08 libnvidia-ml.so.1
