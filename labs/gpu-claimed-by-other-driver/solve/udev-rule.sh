#: step remove the rule
rm "/etc/udev/rules.d/$CC_ORDER-$CC_TEAM.rules"
udevadm control --reload
