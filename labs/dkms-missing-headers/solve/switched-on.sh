#: step let DKMS build by itself
rm /etc/dkms/no-autoinstall
