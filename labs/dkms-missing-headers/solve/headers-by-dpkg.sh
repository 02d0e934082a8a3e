# The same packages by dpkg.
dpkg --install /var/local-repo/linux-headers-*.deb /var/local-repo/linux-kbuild-*.deb
sync
