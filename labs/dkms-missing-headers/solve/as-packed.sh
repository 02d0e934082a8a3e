# The driver's package once more: its own dkms.conf, and a build for what is there.
DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes install --reinstall nvidia-kernel-dkms
