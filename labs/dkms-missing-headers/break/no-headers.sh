# What `apt-get purge --auto-remove linux-headers-amd64` leaves of this kernel's headers, which did not come since: nothing.
kernel=$(uname -r)
abi=${kernel%-*}
packages="linux-headers-amd64 linux-headers-$kernel linux-headers-$abi-common linux-kbuild-$abi"
rm -rf "/usr/src/linux-headers-$kernel" "/usr/src/linux-headers-$abi-common" "/usr/lib/linux-kbuild-$abi" \
    "/usr/src/linux-kbuild-$abi" "/lib/modules/$kernel/build" "/lib/modules/$kernel/source"
cd /var/lib/dpkg
for package in $packages; do
    rm -rf info/"$package".* info/"$package":*.* "/usr/share/doc/$package" "/usr/share/lintian/overrides/$package"
done
python3 -IS - $packages <<'PYTHON'
import sys

gone = {f"Package: {name}" for name in sys.argv[1:]}
with open("status") as file:
    stanzas = file.read().split("\n\n")
with open("status", "w") as file:
    file.write("\n\n".join(stanza for stanza in stanzas if stanza.split("\n", 1)[0] not in gone))
PYTHON
