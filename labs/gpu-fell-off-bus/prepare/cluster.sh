# The cluster's configuration, the gate and the list of boards that the site has; then the node joins.
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

ProctrackType=proctrack/cgroup
TaskPlugin=task/affinity,task/cgroup
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=64
GresTypes=gpu

# Takes a node out of service when something is wrong with a GPU.
HealthCheckProgram=/usr/local/sbin/$CC_GATE
HealthCheckInterval=20
HealthCheckNodeState=ANY

ReturnToService=2
SlurmdTimeout=300
MessageTimeout=60
JobRequeue=0
KillWait=5
InactiveLimit=0
MpiDefault=none
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0

NodeName=gpu2 Sockets=1 CoresPerSocket=2 ThreadsPerCore=1 RealMemory=640 Gres=gpu:l4:4
PartitionName=infer Nodes=gpu2 Default=YES MaxTime=INFINITE OverSubscribe=NO
CONF
cat > /etc/slurm/gres.conf <<'CONF'
# Written down and not detected: a node is here with all its GPUs or not at all.
NodeName=gpu2 Name=gpu Type=l4 File=/dev/nvidia[0-3]
CONF
cat > /etc/slurm/cgroup.conf <<'CONF'
ConstrainCores=yes
ConstrainDevices=yes
ConstrainRAMSpace=yes
# Milliseconds; on a node that has just come up systemd is slow to answer.
SystemdTimeout=60000
CONF
cat > /etc/slurm/POLICY <<POLICY
A node that was drained for a GPU

1  Goes back with all its GPUs or not at all. Nobody's job runs on three of four and finds out by itself.
2  Before it goes back every one of its GPUs has worked at full load for 60 seconds since the node last came
   up (gpu-work --seconds 60). A table of nvidia-smi in which all is well is no proof of anything.
3  What fails in there is taken out and put back once, and tried again. What fails after that is replaced.
   The vendor bills every board in which he finds nothing.
4  /etc/slurm/boards of the node says which board is in which slot. Whoever replaces one enters the new one;
   the gate takes out of service whatever is not on it.
5  The gate ($CC_GATE) is asked every 20 seconds and stays as it is.

Switching off and on, reseating and replacing is done by a technician: crashcart hands.
POLICY
touch -d '-150 days' /etc/slurm/slurm.conf /etc/slurm/gres.conf /etc/slurm/cgroup.conf /etc/slurm/POLICY

if [ "$CC_NODE" = ctl ]; then
    CLUSTER=ctl,gpu2
    . /usr/local/share/cluster/join.sh
    exit 0
fi

cat > "/usr/local/sbin/$CC_GATE" <<'GATE'
#!/bin/bash
# Takes this node out of service when something is wrong with a GPU of it. slurmd runs it as root:
# HealthCheckProgram in slurm.conf.

# Xids that accuse the board, and not the program that worked on it.
hardware='48|63|64|74|79|95|119|120'

node=$(hostname -s)
out() {
    # Once is enough, and whoever drained it first had a reason.
    case $(sinfo --noheader --Node --nodes="$node" --format=%T) in drain*) exit ;; esac
    scontrol update nodename="$node" state=drain reason="gate: $1"
    exit
}

# What the kernel has said since this node came up.
said=$(dmesg | sed -nE "s/.*Xid \(PCI:([0-9a-f:]+)\): ($hardware),.*/\1 Xid \2/p" | tail -n 1)
[ -z "$said" ] || out "$said"

# Boards that answer, and stand on the list.
boards=$(nvidia-smi --query-gpu=pci.bus_id,uuid --format=csv,noheader) || out "nvidia-smi: ${boards##*$'\n'}"
while read -r slot uuid; do
    case $slot in '' | '#'*) continue ;; esac
    grep -qi "^0000$slot, $uuid\$" <<< "$boards" || out "slot $slot is not as in /etc/slurm/boards"
done < /etc/slurm/boards
GATE
chmod 0755 "/usr/local/sbin/$CC_GATE"
# What stands in the node, as the driver has it: a board that does not answer any more says nothing of itself.
{
    echo "# Which board is in which slot of this node."
    for gpu in /proc/driver/nvidia/gpus/*; do
        echo "${gpu##*/} $(sed -n 's/^GPU UUID:[[:space:]]*//p' "$gpu/information")"
    done
} > /etc/slurm/boards
touch -d '-150 days' /etc/slurm/boards "/usr/local/sbin/$CC_GATE"

# slurmd gives up if the device files are late, which they are after some starts.
install -d /etc/systemd/system/slurmd.service.d
cat > /etc/systemd/system/slurmd.service.d/gpus.conf <<'UNIT'
[Service]
ExecStartPre=/bin/sh -c 'until [ -c /dev/nvidia3 ]; do sleep 0.5; done'
TimeoutStartSec=300
Restart=on-failure
RestartSec=5
UNIT
touch -d '-150 days' /etc/systemd/system/slurmd.service.d/gpus.conf

# The cluster's key, as every node makes it of the attempt's secret.
derive() { printf '%s %s' "$1" "$CC_SECRET" | openssl dgst "-$2" -binary; }
{ derive munge-first-half sha512; derive munge-second-half sha512; } > /etc/munge/munge.key
chown munge:munge /etc/munge/munge.key
chmod 0400 /etc/munge/munge.key
install -d -o slurm -g slurm /var/lib/slurm /var/log/slurm
install -d -m 0755 /var/lib/slurm/slurmd
systemctl daemon-reload
systemctl enable --quiet --now munge
for _ in {1..300}; do
    case $(scontrol ping 2>&1) in *' is UP'*) break ;; esac
    sleep 0.1
done
systemctl enable --quiet --now slurmd
for _ in {1..300}; do
    case $(sinfo --noheader --Node --nodes=gpu2 --format=%T 2>&1) in idle) exit 0 ;; esac
    sleep 0.1
done
echo "gpu2 is not in service: $(sinfo --noheader --Node --nodes=gpu2 --format='%T %E' 2>&1)" >&2
exit 1
