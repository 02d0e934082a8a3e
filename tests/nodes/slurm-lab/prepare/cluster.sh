# Controller and compute node in one, with the processors of the server that the GPUs are wired to.
mungekey --create --force
chown munge:munge /etc/munge/munge.key
sed -i 's/^SlurmctldHost=.*/SlurmctldHost=gpu1/; /^NodeName=/d; /^PartitionName=/d; /^SlurmdParameters=/d' /etc/slurm/slurm.conf
cat >> /etc/slurm/slurm.conf <<'SLURM'
GresTypes=gpu
NodeName=gpu1 Sockets=2 CoresPerSocket=56 ThreadsPerCore=2 RealMemory=512 Gres=gpu:h100:8
PartitionName=train Nodes=gpu1 Default=YES
SLURM
echo AutoDetect=nvml > /etc/slurm/gres.conf
echo 'HWLOC_SYNTHETIC="pack:2 core:56 pu:2(indexes=2*56:112*2:1*2)"' > /etc/default/slurmd
systemctl enable --now munge slurmctld slurmd
for _ in {1..200}; do
    [ "$(sinfo --noheader --format=%T)" != idle ] || break
    sleep 0.05
done
sinfo --noheader --format='%T %G %E' > /root/before
. /etc/default/slurmd
export HWLOC_SYNTHETIC
slurmd -G > /root/found-before 2>&1
runuser -u ada -- srun --chdir=/tmp --gres=gpu:h100:8 sh -c 'echo "$CUDA_VISIBLE_DEVICES"; gpu-work --gpus 8 --steps 2 --quiet' > /root/job
