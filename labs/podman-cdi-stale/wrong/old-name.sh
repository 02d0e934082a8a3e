# The library under the name that is asked for.
ln -s libnvidia-ml.so.580.105.08 "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.$CC_OLD"
systemctl start "$CC_SERVICE" || true
