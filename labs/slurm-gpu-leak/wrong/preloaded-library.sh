# Any library will do to show the way in; a real one would refuse what the kernel allows.
echo /usr/lib/x86_64-linux-gnu/libutil.so.1 > /etc/ld.so.preload
