# The cluster as the site has it: gpu1 with eight H100s on two sockets, gpu2 with four L4s, and the rule that a job's
# processors are those beside its GPUs.
sed -i '/^NodeName=/d; /^PartitionName=/d; /^SlurmdParameters=/d; /offer is what is written here/d' /etc/slurm/slurm.conf
sed -i 's/^SelectTypeParameters=.*/SelectTypeParameters=CR_Core,ENFORCE_BINDING_GRES/' /etc/slurm/slurm.conf
cat >> /etc/slurm/slurm.conf <<'SLURM'
GresTypes=gpu
NodeName=gpu1 Sockets=2 CoresPerSocket=56 ThreadsPerCore=2 RealMemory=1024 Gres=gpu:h100:8
NodeName=gpu2 Sockets=2 CoresPerSocket=24 ThreadsPerCore=2 RealMemory=1024 Gres=gpu:l4:4
PartitionName=train Nodes=gpu[1-2] Default=YES MaxTime=INFINITE OverSubscribe=NO DefCpuPerGPU=14
SLURM
cat > /etc/slurm/gres.conf <<'GRES'
# The same file on every node.
NodeName=gpu1 AutoDetect=nvml
NodeName=gpu2 AutoDetect=nvml
GRES
cat > /etc/slurm/POLICY <<'POLICY'
What holds on the GPU nodes of this cluster

1  A job says how many GPUs it wants (--gres=gpu:1). For each it gets 14 processors, which are 7 cores.
2  They are of the socket that the GPU is wired to, and never of the other one. Where none are free
   there, the job waits. This holds however a job is sent in, without an option and without numactl.
3  Jobs without a GPU run beside them and may have every processor that is free, up to all of a node.
4  slurm.conf and gres.conf are the same files on all nodes. Settings that somebody needs for himself
   do not belong there.
5  Slurm's daemons may be restarted at any time. Jobs are not ended for it.
POLICY
touch -d '-140 days' /etc/slurm/slurm.conf /etc/slurm/gres.conf /etc/slurm/POLICY

case $CC_NODE in
gpu1) CORES=56 ;;
gpu2) CORES=24 ;;
esac
. /usr/local/share/cluster/join.sh
[ "$CC_NODE" = ctl ] || exit 0

# It has nothing to do with all this.
pretrain gpu2 --gres=gpu:l4:2 /usr/bin/gpu-work --gpus 2 --seconds 864000 --quiet
