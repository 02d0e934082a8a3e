# What each machine was bought with.
sed -i '/^NodeName=/d; /^PartitionName=/d; /^SlurmdParameters=/d; /offer is what is written here/d' /etc/slurm/slurm.conf
cat >> /etc/slurm/slurm.conf <<'SLURM'
GresTypes=gpu
NodeName=gpu1 Sockets=2 CoresPerSocket=56 ThreadsPerCore=2 RealMemory=1024 Gres=gpu:h100:8
NodeName=gpu2 Sockets=2 CoresPerSocket=24 ThreadsPerCore=2 RealMemory=1024 Gres=gpu:l4:4
PartitionName=train Nodes=gpu[1-2] Default=YES MaxTime=INFINITE OverSubscribe=NO
SLURM
cat > /etc/slurm/gres.conf <<'GRES'
# The same file on every node.
AutoDetect=nvml
GRES

case $CC_NODE in
gpu1) CORES=56 ;;
gpu2) CORES=24 ;;
esac
. /usr/local/share/cluster/join.sh
[ "$CC_NODE" = ctl ] || exit 0

# It has nothing to do with all this.
pretrain gpu1 --gres=gpu:h100:2 /usr/bin/gpu-work --gpus 2 --seconds 864000 --quiet
