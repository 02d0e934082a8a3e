#: step let each kernel bring its headers
# Their arrival has DKMS build for the kernel that they are of.
DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes install linux-headers-amd64
