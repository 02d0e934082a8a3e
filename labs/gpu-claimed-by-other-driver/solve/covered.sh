# What is in /usr may come back with the next installation: a name in /etc covers it for good.
ln -s /dev/null "/etc/modprobe.d/$CC_TEAM.conf"
sync
