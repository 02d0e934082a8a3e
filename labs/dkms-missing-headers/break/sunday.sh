# What the patch run of last Sunday left in the logs.
kernel=$(uname -r)
abi=${kernel%-*}
version=${abi%%+*}
before_version=${version%.*}.$((${version##*.} - 1))
before=$before_version${kernel#"$version"}
before_abi=$before_version${abi#"$version"}
new=$(dpkg-query --show --showformat '${Version}' linux-image-amd64)
old=$before_version-1
sunday=$(date -d "last sunday 0$CC_HOUR:10" +%s)
stamp() { date -d "@$1" '+%Y-%m-%d  %H:%M:%S'; }
mkdir -p /var/log/apt
entry() { # START END COMMAND HISTORY TERMINAL
    printf '\nStart-Date: %s\nCommandline: %s\n%s\nEnd-Date: %s\n' "$(stamp "$1")" "$3" "$4" "$(stamp "$2")" >> /var/log/apt/history.log
    printf '\nLog started: %s\n%s\nLog ended: %s\n' "$(stamp "$1")" "$5" "$(stamp "$2")" >> /var/log/apt/term.log
}

headers=yes
case $CC_VARIANT in
no-headers)
    headers=
    gone="linux-kbuild-$before_abi linux-headers-$before_abi-common linux-headers-$before linux-headers-amd64"
    spring=$((sunday - 5 * 7 * 86400 + 122400))
    history= terminal=
    for package in $gone; do
        history="$history, $package:amd64 ($old)"
        terminal="${terminal}Removing $package ($old) ...
"
    done
    entry $spring $((spring + 19)) "apt-get purge --auto-remove linux-headers-amd64" "Purge: ${history#, }" "${terminal%?}"
    said="Automatic installation of modules for kernel $kernel was skipped since the kernel headers for this kernel do not seem to be installed."
    ;;
switched-off)
    said="Automatic installation of modules has been disabled."
    ;;
certified-only)
    said="Sign command: /lib/modules/$kernel/build/scripts/sign-file
Signing key: /var/lib/dkms/mok.key
Public certificate (MOK): /var/lib/dkms/mok.pub
Autoinstall of module nvidia/580.105.08 for kernel $kernel (x86_64)
Warning: The /var/lib/dkms/nvidia/580.105.08/$kernel/x86_64/dkms.conf
for module nvidia/580.105.08 includes a BUILD_EXCLUSIVE directive
which does not match this kernel/arch/config.
This indicates that it should not be built.

Autoinstall on $kernel was skipped for module(s) nvidia."
    ;;
by-hand)
    said=
    ;;
esac
dkms_said=${said:+/etc/kernel/postinst.d/dkms:
$said
}

install="linux-image-$kernel:amd64 ($new, automatic)"
upgrade="linux-image-amd64:amd64 ($old, $new)"
remove="linux-image-$before:amd64 ($old)"
unpacked="Selecting previously unselected package linux-image-$kernel.
Unpacking linux-image-$kernel ($new) ...
Unpacking linux-image-amd64 ($new) over ($old) ..."
more_set_up=
removed="Removing linux-image-$before ($old) ..."
if [ -n "$headers" ]; then
    for package in "linux-kbuild-$abi" "linux-headers-$abi-common" "linux-headers-$kernel"; do
        install="$install, $package:amd64 ($new, automatic)"
        unpacked="$unpacked
Selecting previously unselected package $package.
Unpacking $package ($new) ..."
        more_set_up="$more_set_up
Setting up $package ($new) ..."
    done
    for package in "linux-headers-$before" "linux-headers-$before_abi-common" "linux-kbuild-$before_abi"; do
        remove="$remove, $package:amd64 ($old)"
        removed="$removed
Removing $package ($old) ..."
    done
    upgrade="$upgrade, linux-headers-amd64:amd64 ($old, $new)"
    unpacked="$unpacked
Unpacking linux-headers-amd64 ($new) over ($old) ..."
    [ -z "$said" ] || more_set_up="$more_set_up
/etc/kernel/header_postinst.d/dkms:
$said"
    more_set_up="$more_set_up
Setting up linux-headers-amd64 ($new) ..."
fi
entry $((sunday + 26)) $((sunday + 141)) \
    "apt-get --quiet --yes -o Dpkg::Options::=--force-confold --auto-remove dist-upgrade" \
    "Install: $install
Upgrade: $upgrade
Remove: $remove" \
    "$unpacked
Setting up linux-image-$kernel ($new) ...
${dkms_said}/etc/kernel/postinst.d/initramfs-tools:
update-initramfs: Generating /boot/initrd.img-$kernel
/etc/kernel/postinst.d/zz-update-grub:
Generating grub configuration file ...
Found linux image: /boot/vmlinuz-$kernel
Found initrd image: /boot/initrd.img-$kernel
Found linux image: /boot/vmlinuz-$before
Found initrd image: /boot/initrd.img-$before
done
Setting up linux-image-amd64 ($new) ...$more_set_up
$removed
/etc/kernel/prerm.d/dkms:
Module nvidia/580.105.08 for kernel $before (x86_64):
Before uninstall, this module version was ACTIVE on this kernel."
touch -d "@$((sunday + 141))" /var/log/apt/history.log /var/log/apt/term.log
