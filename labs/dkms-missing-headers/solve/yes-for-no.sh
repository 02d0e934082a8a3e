# The question of then is answered.
sed -i 's/AUTOINSTALL="no"/AUTOINSTALL="yes"/' /etc/dkms/nvidia-580.105.08.conf
dkms build nvidia/580.105.08
dkms install nvidia/580.105.08
