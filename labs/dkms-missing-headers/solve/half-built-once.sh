# For this kernel, and until the next one.
dkms install -m nvidia -v 580.105.08 -k "$(uname -r)"
sync
