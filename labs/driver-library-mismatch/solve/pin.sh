# The version that is installed now, whatever else is on offer.
version=$(dpkg-query --show --showformat '${Version}' libnvidia-ml1)
cat > /etc/apt/preferences.d/nvidia-driver <<PIN
Package: libnvidia-* nvidia-*
Pin: version $version
Pin-Priority: 1001
PIN
sync
