#: step remove the option
rm "/usr/lib/modprobe.d/$CC_TEAM.conf"
