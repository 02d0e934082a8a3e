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

# slurmd asks NVML which processors a GPU is wired to. They are a whole server's, and those below
# this node are whatever they are: hwloc, by which slurmd counts processors, gets the server's too.
case $CC_NODE in
gpu1) cores=56 ;;
gpu2) cores=24 ;;
*) cores= ;;
esac
if [ "$cores" ]; then
    echo "HWLOC_SYNTHETIC=\"pack:2 core:$cores pu:2(indexes=2*$cores:$((2 * cores))*2:1*2)\"" > /etc/default/slurmd
    # For a slurmd that is asked by hand, in a shell or from another node.
    sed 's/^/export /' /etc/default/slurmd > /etc/profile.d/processors.sh
    sed 's/^/SetEnv /' /etc/default/slurmd > /etc/ssh/sshd_config.d/processors.conf
fi

. /usr/local/share/cluster/join.sh
[ "$CC_NODE" = ctl ] || exit 0

# It has nothing to do with all this.
pretrain gpu1 --gres=gpu:h100:2 /usr/bin/gpu-work --gpus 2 --seconds 864000 --quiet
