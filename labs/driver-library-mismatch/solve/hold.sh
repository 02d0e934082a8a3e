#: step leave the driver alone at night
apt-mark hold libnvidia-ml1 nvidia-smi nvidia-kernel-common nvidia-kernel-dkms
