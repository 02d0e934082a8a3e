# The old driver has to be built again, too.
sed -i "s/CC='ccache gcc' //" /etc/dkms/nvidia.conf
systemd-run --quiet --unit=mend --service-type=oneshot --no-block --setenv=DEBIAN_FRONTEND=noninteractive \
    apt-get --quiet --yes --allow-downgrades install libnvidia-ml1=580.105.08-1 nvidia-smi=580.105.08-1 \
    nvidia-kernel-common=580.105.08-1 nvidia-kernel-dkms=580.105.08-1
