# The users, Slurm's configuration, and the site's launcher for jobs; then the
# node joins, and the jobs begin.

# The same numbers everywhere, as a directory service would give them.
uid=2001
for user in bea carol eve; do
    useradd --create-home --shell /bin/bash --uid $((uid++)) $user
done

cat > /etc/slurm/slurm.conf <<'CONF'
# The training cluster. The same file on every node.
ClusterName=training
SlurmctldHost=ctl
SlurmUser=slurm
AuthType=auth/munge
CredType=cred/munge

StateSaveLocation=/var/lib/slurm/slurmctld
SlurmdSpoolDir=/var/lib/slurm/slurmd
SlurmctldPidFile=/run/slurmctld/slurmctld.pid
SlurmdPidFile=/run/slurm/slurmd.pid
SlurmctldLogFile=/var/log/slurm/slurmctld.log
SlurmdLogFile=/var/log/slurm/slurmd.log

# What every job was, when it ran and how it ended: one line per job.
JobCompType=jobcomp/filetxt
JobCompLoc=/var/log/slurm/jobcomp.log
FirstJobId=4211

# Nodes share the machine they run on, so what they offer is what is written here.
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
GresTypes=gpu

ReturnToService=2
SlurmdTimeout=300
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=10
InactiveLimit=0
KillWait=5
MpiDefault=none

NodeName=gpu[1-3] CPUs=32 RealMemory=1024 Gres=gpu:h100:8
PartitionName=train Nodes=gpu[1-3] Default=YES MaxTime=INFINITE OverSubscribe=NO
CONF
cat > /etc/slurm/gres.conf <<'CONF'
# Written down and not detected: a node is here with all its GPUs or not at all.
NodeName=gpu[1-3] Name=gpu Type=h100 File=/dev/nvidia[0-7]
CONF

# The site's launcher: one rank for each GPU of the job.
cat > /usr/local/bin/train <<'LAUNCHER'
#!/bin/bash
# Runs one rank on each GPU of the job. The ranks meet after every step, so a
# rank that has given up keeps the others waiting; one that was killed ends the job.
trap 'echo "$(date +%T) told to end, writing a checkpoint"; sleep 8; exit 143' TERM
IFS=, read -ra gpus <<< "$CUDA_VISIBLE_DEVICES"
for gpu in "${gpus[@]}"; do
    CUDA_VISIBLE_DEVICES=$gpu gpu-work --memory 30720 --quiet &
    ranks+=($!)
done
step=0
while sleep 5; do
    gone=
    for rank in "${!ranks[@]}"; do
        kill -0 "${ranks[rank]}" 2> /dev/null && continue
        gone=$rank
        wait "${ranks[rank]}"
        if [ $? -gt 128 ]; then
            echo "$(date +%T) rank $rank was killed, giving up"
            kill "${ranks[@]}" 2> /dev/null
            exit 1
        fi
    done
    if [ "$gone" ]; then
        echo "$(date +%T) step $step: waiting for rank $gone"
    else
        echo "$(date +%T) step $((++step)) done"
    fi
done
LAUNCHER
chmod 0755 /usr/local/bin/train

# Which node has no GPU that fails, but users: carol's job is there.
case $CC_VARIANT in
    row-waits) software=gpu3 ;;
    somebody-holds) software=gpu2 ;;
    firmware-hangs) software=gpu1 ;;
esac

CLUSTER=ctl,gpu1,gpu2,gpu3
. /usr/local/share/cluster/join.sh

if [ "$CC_NODE" != ctl ]; then
    # What fails next fails under programs that work.
    ranks=4
    [ "$CC_NODE" != "$software" ] || ranks=6
    for _ in {1..600}; do
        [ "$(nvidia-smi --query-compute-apps=pid --format=csv,noheader | grep -c .)" != $ranks ] || exit 0
        sleep 0.05
    done
    echo "the jobs of $CC_NODE have not begun to work" >&2
    exit 1
fi

for _ in {1..200}; do
    nodes=$(sinfo --noheader --format='%D %T' || true)
    [ "$nodes" != '3 idle' ] || break
    sleep 0.05
done
[ "$nodes" = '3 idle' ] || { echo "not all nodes are idle: $nodes" >&2; exit 1; }

submit() {
    local user=$1 name=$2 gpus=$3 node=$4
    runuser -u "$user" -- sbatch --quiet --job-name="$name" --gres="gpu:$gpus" --chdir="/home/$user" \
        --output='%x-%j.out' --nodelist="$node" --wrap='exec train'
}
submit ada pretrain 4 gpu1
submit bea embed 2 gpu2
submit carol sweep 2 gpu2
submit ada distill 4 gpu3
submit carol finetune 2 $software
