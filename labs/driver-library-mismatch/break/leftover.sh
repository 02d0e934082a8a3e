# What a .run installer that was tried in summer left. The loader has known it since ldconfig was last run: this night.
new=$CC_DRIVER
foreign=570.158.01
cp "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.$new" "/usr/local/lib/libnvidia-ml.so.$foreign"
chmod 755 "/usr/local/lib/libnvidia-ml.so.$foreign"
ln -s "libnvidia-ml.so.$foreign" /usr/local/lib/libnvidia-ml.so.1
ln -s libnvidia-ml.so.1 /usr/local/lib/libnvidia-ml.so
touch --no-dereference -d '-150 days' /usr/local/lib/libnvidia-ml.so*
ldconfig
