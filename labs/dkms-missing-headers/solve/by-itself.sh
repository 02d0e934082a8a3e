#: step let DKMS build by itself
rm /etc/dkms/nvidia-580.105.08.conf
