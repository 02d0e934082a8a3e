# Of this kernel; nothing brings those of the next one.
DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes install "linux-headers-$(uname -r)"
