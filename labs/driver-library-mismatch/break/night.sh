# What the night left in the logs.
old=580.105.08
new=$CC_DRIVER
kernel=$(uname -r)
night=$(date -d "today 06:50" +%s)
[ "$night" -lt "$(date +%s)" ] || night=$((night - 86400))
line() { echo "nvidia-smi:amd64 ($old-1, $new-1), libnvidia-ml1:amd64 ($old-1, $new-1), nvidia-kernel-common:amd64 ($old-1, $new-1), nvidia-kernel-dkms:amd64 ($old-1, $new-1)"; }
run="apt-get --quiet --yes -o Dpkg::Options::=--force-confold --auto-remove upgrade"
stamp() { date -d "@$1" '+%Y-%m-%d  %H:%M:%S'; }
entry() { # START END HISTORY TERMINAL
    printf '\nStart-Date: %s\nCommandline: %s\n%s\nEnd-Date: %s\n' "$(stamp "$1")" "$run" "$3" "$(stamp "$2")" >> /var/log/apt/history.log
    printf '\nLog started: %s\n%s\nLog ended: %s\n' "$(stamp "$1")" "$4" "$(stamp "$2")" >> /var/log/apt/term.log
}
unpacked="Unpacking libnvidia-ml1 ($new-1) over ($old-1) ...
Unpacking nvidia-smi ($new-1) over ($old-1) ...
Unpacking nvidia-kernel-common ($new-1) over ($old-1) ...
Unpacking nvidia-kernel-dkms ($new-1) over ($old-1) ...
Setting up libnvidia-ml1 ($new-1) ...
Setting up nvidia-smi ($new-1) ...
Setting up nvidia-kernel-common ($new-1) ...
Setting up nvidia-kernel-dkms ($new-1) ...
Loading new nvidia/$new DKMS files...
Building for $kernel

Building initial module nvidia/$new for $kernel"
built="$unpacked
Done.

Processing triggers for libc-bin ..."
mkdir -p /var/log/apt
since=$night
case $CC_VARIANT in
old-library)
    since=$((night - 12 * 86400))
    entry $((since + 21)) $((since + 104)) "Upgrade: $(line)" "$built"
    curl=$(dpkg-query --show --showformat '${Version}' libcurl4t64)
    before=${curl%u*}u1
    entry $((night + 14)) $((night + 31)) \
        "Upgrade: curl:amd64 ($before, $curl), libcurl4t64:amd64 ($before, $curl)" \
        "Unpacking curl ($curl) over ($before) ...
Unpacking libcurl4t64:amd64 ($curl) over ($before) ...
Setting up libcurl4t64:amd64 ($curl) ...
Setting up curl ($curl) ...
Processing triggers for libc-bin ..."
    ;;
*)
    entry $((night + 21)) $((night + 127)) "Upgrade: $(line)" "$built"
    ;;
esac
touch -d "@$((night + 133))" /var/log/apt/history.log /var/log/apt/term.log

# dpkg's own log of the upgrade.
told=$((since + 23))
say() { printf '%(%F %T)T %s\n' $told "$1"; }
{
    say "startup archives unpack"
    for package in libnvidia-ml1 nvidia-smi nvidia-kernel-common nvidia-kernel-dkms; do
        say "upgrade $package:amd64 $old-1 $new-1"
        say "status half-configured $package:amd64 $old-1"
        say "status unpacked $package:amd64 $old-1"
        say "status half-installed $package:amd64 $old-1"
        say "status unpacked $package:amd64 $new-1"
    done
    for package in libnvidia-ml1 nvidia-smi nvidia-kernel-common nvidia-kernel-dkms; do
        say "configure $package:amd64 $new-1 <none>"
        say "status half-configured $package:amd64 $new-1"
        [ $package != nvidia-kernel-dkms ] || told=$((since + 100))
        say "status installed $package:amd64 $new-1"
    done
} >> /var/log/dpkg.log
touch -d "@$told" /var/log/dpkg.log
