# Two nodes with eight GPUs each, and who may have how much of them.
useradd --create-home --shell /bin/bash --comment 'Speech recognition' speech
useradd --create-home --shell /bin/bash --comment 'Guests of the institute' guest

sed -i '/^NodeName=/d; /^PartitionName=/d; s/^SchedulerParameters=.*/&,sched_interval=5,bf_interval=5/' /etc/slurm/slurm.conf
# A job that is put back into the queue begins again after cred_expire; two minutes are the default.
cat >> /etc/slurm/slurm.conf <<SLURM
AuthInfo=cred_expire=5
MaxBatchRequeue=1000
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=ctl
AccountingStorageTRES=gres/gpu
AccountingStorageEnforce=associations,limits,qos
GresTypes=gpu
NodeName=gpu[1-2] CPUs=64 RealMemory=1024 Gres=gpu:h100:8
PartitionName=train Nodes=gpu[1-2] Default=YES MaxTime=$CC_DAYS-00:00:00 OverSubscribe=NO
SLURM
echo 'NodeName=gpu[1-2] Name=gpu Type=h100 File=/dev/nvidia[0-7]' > /etc/slurm/gres.conf

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
. /usr/local/share/cluster/join.sh
[ "$CC_NODE" = ctl ] || exit 0

cat > /srv/policy.txt <<SHEET
TRAINING CLUSTER: WHO GETS WHAT
Numbers that are missing are rules that were withdrawn.

   Accounts
$CC_RULE_GUESTS  Guests (account guests) have 2 GPUs at a time, all guests together.
16  The machines belong to research, whose accounts are vision and speech.
    vision has at most 10 GPUs at a time, speech at most 6; research as a
    whole has no limit. No account has any other limit, and no user has one.

   QOS
$CC_RULE_DEBUG  debug is for a look at one's own code: 1 GPU at a time for each user.
26  normal has no limit of its own.
27  Every account may use both.

   Partition
$CC_RULE_TIME  No job in train is longer than $CC_DAYS days.
36  train has no limit but that, and no QOS of its own.

   Reservations
41  Those in the calendar and no others. The calendar: quarterly.
SHEET
install -d /srv/tickets

# slurmdbd knows of GPUs once slurmctld has told it.
for _ in {1..200}; do
    case $(scontrol ping 2>&1) in *' is UP'*) break ;; esac
    sleep 0.05
done

# Who is whose, and the limits of the contracts.
sacctmgr --immediate > /dev/null <<ACCOUNTS
add qos debug set maxtresperuser=gres/gpu=1
modify account root set qos=normal,debug
add account research parent=root description="Owners of the machines" organization=institute
add account guests parent=root description="Guests" organization=institute set grptres=gres/gpu=2
add account vision parent=research description="Vision" organization=institute set grptres=gres/gpu=10
add account speech parent=research description="Speech" organization=institute set grptres=gres/gpu=6
add user ada account=vision
add user speech account=speech
add user guest account=guests
ACCOUNTS

# When all nodes went down together, no node misses a job: what ran goes back into the queue.
cat > /usr/local/sbin/requeue-after-power-loss <<'REQUEUE'
#!/bin/sh
until scontrol ping | grep -q 'is UP' && ! sinfo --noheader --format=%T | grep -q -E 'unknown|[*]'; do
    sleep 0.2
done
for job in $(squeue --noheader --states=running --Format=JobID,BatchFlag | awk '$2 > 0 { print $1 }'); do
    scontrol requeue "$job"
done
REQUEUE
chmod 0755 /usr/local/sbin/requeue-after-power-loss
cat > /etc/systemd/system/requeue-after-power-loss.service <<'UNIT'
[Unit]
Description=What ran when the power went runs again
After=munge.service slurmctld.service

[Service]
ExecStart=/usr/local/sbin/requeue-after-power-loss

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable requeue-after-power-loss

scontrol --quiet create reservation reservationname=quarterly starttime=now+20days duration=08:00:00 \
    nodes=ALL users=root flags=MAINT

# It has nothing to do with all this.
pretrain gpu1 --gres=gpu:1 /usr/bin/gpu-work --gpus 1 --seconds 864000 --quiet
