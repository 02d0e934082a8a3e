# The users, Slurm's configuration, and the gate that the site has; then the
# node joins, and ada's jobs begin.

# The same numbers everywhere, as a directory service would give them.
uid=2001
for user in bea carol eve; do
    useradd --create-home --shell /bin/bash --uid $((uid++)) $user
done

# The program that takes nodes out of service, and how often Slurm asks it.
health="HealthCheckInterval=5
HealthCheckNodeState=ANY"
case $CC_VARIANT in
    blames-programs)
        health="# 5 again as soon as the queue is shorter.
HealthCheckInterval=0
HealthCheckNodeState=ANY"
        ;;
    idle-only)
        health="HealthCheckInterval=5
# Nobody wants a check beside a job.
HealthCheckNodeState=IDLE"
        ;;
esac

cat > /etc/slurm/slurm.conf <<CONF
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
FirstJobId=$CC_FIRST_JOB

# Nodes share the machine they run on, so what they offer is what is written here.
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
GresTypes=gpu

HealthCheckProgram=/usr/local/sbin/$CC_GATE
$health

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

if [ "$CC_NODE" != ctl ]; then
    cat > "/usr/local/sbin/$CC_GATE" <<'GATE'
#!/bin/bash
# Takes this node out of service when one of its GPUs is broken. slurmd runs
# it as root on every node: HealthCheckProgram in slurm.conf.

# Xids that accuse the board, and not the program that worked on it.
hardware='48|63|64|74|79|95|119|120'

node=$(hostname -s)
out() {
    # Once is enough, and whoever drained it first had a reason.
    case $(sinfo --noheader --Node --nodes="$node" --format=%T) in drain*) exit ;; esac
    scontrol update nodename="$node" state=drain reason="gate: $1"
    exit
}

# What the kernel has said since this node came up. What it said before was
# about a machine that somebody has mended or switched off and on since.
said=$(journalctl -k -b -o cat | sed -nE "s/.*Xid \(PCI:([0-9a-f:]+)\): ($hardware),.*/\1 Xid \2/p" | tail -n 1)
[ -z "$said" ] || out "$said"

# A GPU that does not answer, or wants a reset.
for gpu in /dev/nvidia[0-9]*; do
    gpu=${gpu#/dev/nvidia}
    answer=$(nvidia-smi -q -i "$gpu") || out "GPU $gpu does not answer"
    grep -q 'Recovery Action *: None' <<< "$answer" || out "GPU $gpu wants to be reset"
done

# A row that waits for a reset, or found no spare. The board remembers both,
# whatever the log has forgotten.
rows=$(nvidia-smi --query-remapped-rows=gpu_bus_id,remapped_rows.pending,remapped_rows.failure --format=csv,noheader |
    awk -F', ' '$2 == "Yes" { print $1, "row waits for a reset" } $3 == "Yes" { print $1, "no spare row left" }' | head -n 1)
[ -z "$rows" ] || out "$rows"
GATE
    # What somebody did to it, months ago.
    case $CC_VARIANT in
        blames-programs)
            sed -i -e '/^# Xids that accuse/,/^$/d' -e 's/(\$hardware)/([0-9]+)/' "/usr/local/sbin/$CC_GATE"
            ;;
        will-not-start)
            sed -i 's/$/\r/' "/usr/local/sbin/$CC_GATE"
            ;;
        too-slow)
            # Takes the gate's place below: a slurmd that starts waits for its gate.
            sed '/^# What the kernel has said/i\
# Let every GPU compute for a moment: what is broken shows under load.\
for gpu in /dev/nvidia[0-9]*; do\
    gpu-work --devices "${gpu#/dev/nvidia}" --memory 256 --seconds 12 --quiet\
done > /dev/null 2>&1\
' "/usr/local/sbin/$CC_GATE" > /run/gate
            printf '#!/bin/sh\nexit 0\n' > "/usr/local/sbin/$CC_GATE"
            ;;
        reason-refused)
            sed -i 's/reason="gate: $1"/reason=gate:$1/' "/usr/local/sbin/$CC_GATE"
            ;;
    esac
    chmod 0755 "/usr/local/sbin/$CC_GATE"
    touch -d '-90 days' "/usr/local/sbin/$CC_GATE"
fi

if [ "$CC_NODE" = gpu1 ]; then
    # From before this node was last switched on: a board that has been replaced since.
    at=$(date --date='-16 days' +%FT%T)
    {
        echo "$at.481932+00:00 gpu1 kernel: [1204381.220714] NVRM: Xid (PCI:0000:86:00): 79, GPU has fallen off the bus."
        echo "$at.482017+00:00 gpu1 kernel: [1204381.220799] NVRM: Xid (PCI:0000:86:00): 154, GPU recovery action changed from 0x0 (None) to 0x2 (Node Reboot Required)"
        cat /var/log/kern.log
    } > /var/log/kern.log.new
    cat /var/log/kern.log.new > /var/log/kern.log
    rm /var/log/kern.log.new
fi

CLUSTER=ctl,gpu1,gpu2,gpu3
. /usr/local/share/cluster/join.sh

if [ "$CC_NODE" != ctl ]; then
    # What breaks next breaks beside a job.
    for _ in {1..600}; do
        working=$(nvidia-smi --query-compute-apps=pid --format=csv,noheader | grep -c . || true)
        [ "$working" -lt 4 ] || break
        sleep 0.05
    done
    [ "$working" -ge 4 ] || { echo "the job of $CC_NODE has not begun to work" >&2; exit 1; }
    if [ -e /run/gate ]; then
        install -m 0755 /run/gate "/usr/local/sbin/$CC_GATE"
        touch -d '-90 days' "/usr/local/sbin/$CC_GATE"
        rm /run/gate
    fi
    exit 0
fi

for _ in {1..200}; do
    nodes=$(sinfo --noheader --format='%D %T' || true)
    [ "$nodes" != '3 idle' ] || break
    sleep 0.05
done
[ "$nodes" = '3 idle' ] || { echo "not all nodes are idle: $nodes" >&2; exit 1; }

for job in bea:embed:gpu1 ada:pretrain:gpu2 carol:distill:gpu3; do
    IFS=: read -r user name node <<< "$job"
    runuser -u "$user" -- sbatch --quiet --job-name="$name" --gres=gpu:4 --chdir=/tmp --output='%x-%j.out' \
        --nodelist="$node" --wrap='exec gpu-work --gpus 4 --memory 30720 --seconds 8640000 --quiet'
done
