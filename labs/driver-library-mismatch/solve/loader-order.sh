# The packages' directory before /usr/local/lib; whoever needs the other library names it.
echo /usr/lib/x86_64-linux-gnu > /etc/ld.so.conf.d/00-packages-first.conf
ldconfig
