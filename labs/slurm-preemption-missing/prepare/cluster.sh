# Two nodes with four GPUs each, two sorts of work, and the rule which of them gives way.
useradd --create-home --shell /bin/bash --comment 'Production' prod

sed -i '/^NodeName=/d; /^PartitionName=/d; s/^SchedulerParameters=.*/&,sched_interval=2,bf_interval=5/' /etc/slurm/slurm.conf
# A job that is put back into the queue begins again after cred_expire; two minutes are the default.
cat >> /etc/slurm/slurm.conf <<SLURM
AuthInfo=cred_expire=5
MaxBatchRequeue=1000
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=ctl
AccountingStorageTRES=gres/gpu
AccountingStorageEnforce=associations,limits,qos
PriorityType=priority/multifactor
PriorityWeightQOS=10000
JobRequeue=1
PreemptType=preempt/qos
PreemptMode=REQUEUE
PreemptParameters=youngest_first
PreemptExemptTime=00:00:00
GresTypes=gpu
NodeName=gpu[1-2] CPUs=32 RealMemory=1024 Gres=gpu:l4:4
PartitionName=train Nodes=gpu[1-2] Default=YES MaxTime=INFINITE OverSubscribe=NO
SLURM
# What is wrong in this file is wrong since the cluster was set up.
case $CC_VARIANT in
type-unset) sed -i '/^PreemptType=/d; /^PreemptMode=/d' /etc/slurm/slurm.conf ;;
no-requeue) sed -i 's/^JobRequeue=.*/JobRequeue=0/' /etc/slurm/slurm.conf ;;
exempt-day) sed -i 's/^PreemptExemptTime=.*/PreemptExemptTime=1-00:00:00/' /etc/slurm/slurm.conf ;;
esac
echo 'NodeName=gpu[1-2] Name=gpu Type=l4 File=/dev/nvidia[0-3]' > /etc/slurm/gres.conf

if [ "$CC_NODE" = ctl ]; then
    # Nobody speaks to this database over a network; without this it makes itself a certificate at every start.
    printf '[mariadbd]\nskip-ssl\n[client]\nskip-ssl\n' > /etc/mysql/mariadb.conf.d/70-local.cnf
    . /usr/local/share/cluster/accounting.sh
    # slurmdbd is of use once it listens, and slurmctld is started after it.
    cat > /etc/systemd/system/slurmdbd.service.d/ready.conf <<'UNIT'
[Service]
ExecStartPost=/bin/sh -c 'until ss -Hltn sport = :6819 | grep -q .; do sleep 0.05; done'
UNIT
    systemctl daemon-reload
fi

# What research runs: works, and when it is asked to go writes down how far it is.
install -d -m 1777 /var/lib/checkpoints
cat > /usr/local/bin/research-run <<'RUN'
#!/bin/bash
# research-run GPUS: works on so many GPUs, counts its steps, and goes on where its checkpoint says. A checkpoint is
# written when it gets SIGTERM, for it takes a while. How it began stands in the job's comment (squeue --format=%k).
checkpoint=/var/lib/checkpoints/$SLURM_JOB_ID
step=0
began='from the beginning'
if [ -s "$checkpoint" ]; then
    step=$(cat "$checkpoint")
    began="from step $step"
    rm "$checkpoint"
fi
leave() {
    echo "$step" > "$checkpoint"
    kill "$work"
    exit 0
}
trap leave TERM
gpu-work --gpus "$1" --seconds 864000 --quiet &
work=$!
scontrol update jobid="$SLURM_JOB_ID" comment="$began"
while kill -0 "$work" 2>/dev/null; do
    sleep 1 &
    wait $!
    step=$((step + 1))
done
RUN
chmod 0755 /usr/local/bin/research-run

. /usr/local/share/cluster/join.sh
[ "$CC_NODE" = ctl ] || exit 0

sacctmgr --immediate > /dev/null <<ACCOUNTS
add qos research priority=10
add qos urgent priority=100
modify qos urgent set preempt=research
add account research parent=root description="Research" organization=institute set qos=research defaultqos=research
add account production parent=root description="Production" organization=institute set qos=research,urgent defaultqos=research
add user ada account=research
add user prod account=production
ACCOUNTS

# ada's runs begin when the cluster does. No job outlives a restart of all nodes, whatever slurmctld remembers.
cat > /usr/local/sbin/research-runs <<RUNS
#!/bin/sh
until scontrol ping | grep -q 'is UP' && ! sinfo --noheader --format=%T | grep -q -E 'unknown|[*]'; do
    sleep 0.2
done
scancel --state=running
while squeue --noheader --states=running,completing --format=%i | grep -q .; do
    sleep 0.2
done
for name in $CC_FIRST $CC_SECOND $CC_THIRD; do
    runuser -u ada -- sbatch --quiet --chdir=/tmp --output=/dev/null --job-name=\$name --gres=gpu:2 \
        --wrap='exec research-run 2'
done
RUNS
chmod 0755 /usr/local/sbin/research-runs
cat > /etc/systemd/system/research-runs.service <<'UNIT'
[Unit]
Description=Research runs of ada
After=munge.service slurmctld.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/research-runs

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
