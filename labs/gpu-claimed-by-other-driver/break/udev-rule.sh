# When both GPUs were lent, the second one was added by a rule: whichever GPU udev finds first, this one is taken.
cat > "/etc/udev/rules.d/$CC_ORDER-$CC_TEAM.rules" <<'RULES'
# Before nvidia is loaded for the other one.
ACTION=="add", SUBSYSTEM=="pci", ATTR{vendor}=="0x10de", ATTR{[pci/0000:3b:00.0]driver_override}="pci-stub", ATTR{[subsystem/pci]drivers_probe}="0000:3b:00.0"
RULES
touch -d '-21 days' "/etc/udev/rules.d/$CC_ORDER-$CC_TEAM.rules"
udevadm control --reload
