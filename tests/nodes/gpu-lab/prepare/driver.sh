export DEBIAN_FRONTEND=noninteractive
apt-get install --quiet --quiet --yes --allow-downgrades nvidia-smi=570.158.01-1 libnvidia-ml1=570.158.01-1
nvidia-smi -L > /root/before
