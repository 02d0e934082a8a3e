#: step have it built for the kernel that runs
dkms autoinstall
sync
