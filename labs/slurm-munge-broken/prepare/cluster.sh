. /usr/local/share/cluster/join.sh
[ "$CC_NODE" = ctl ] || exit 0

# Where compute nodes are installed from.
install -d /srv/install/gpu1
cp /etc/slurm/slurm.conf /srv/install/gpu1/
cat > /srv/install/gpu1/postinstall.log <<'LOG'
gpu1: base system unpacked
gpu1: packages configured
gpu1: site files fetched from ctl:/srv/install/gpu1
gpu1: rebooting into the installed system
LOG
touch -d '-9 hours' /srv/install/gpu1/*

# It has nothing to do with all this.
pretrain gpu2 "/bin/bash -c 'exec -a pretrain sleep 864000'"
