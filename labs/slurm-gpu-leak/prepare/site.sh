# The node as the site has it: who works here, how people come in, Slurm, and the jobs that run for days. Nothing is
# started here.
groupadd --system "$CC_CREW"
groupadd --system "$CC_GROUP"
for user in bea carol dan eve; do
    useradd --create-home --shell /bin/bash --groups "$CC_GROUP" $user
done
usermod --append --groups "$CC_GROUP" ada
useradd --create-home --shell /bin/bash --groups "$CC_CREW" --comment 'Whoever is on duty' duty

# Keys, as everybody of the cluster has them in his home.
for user in ada bea carol dan eve duty; do
    install -d -m 0700 /home/$user/.ssh
    ssh-keygen -q -t ed25519 -N '' -C "$user" -f /home/$user/.ssh/id_ed25519
    cp /home/$user/.ssh/id_ed25519.pub /home/$user/.ssh/authorized_keys
    chown -R $user: /home/$user/.ssh
done
echo "$CC_NODE $(cat /etc/ssh/ssh_host_ed25519_key.pub)" > /etc/ssh/ssh_known_hosts
# A job of one's own is the way to run something at night.
echo root > /etc/cron.allow

# Whoever comes in by ssh. pam_access lets the crew pass; all others go on to Slurm.
cat > "/etc/security/access-$CC_CREW.conf" <<CONF
# Who may come in without a job.
+ : ($CC_CREW) : ALL
- : ALL : ALL
CONF
sed -i "/^@include common-account/a\\
\\
# The crew may come in at any time. Everybody else needs a job on this node, and is put into it.\\
account    sufficient   pam_access.so accessfile=/etc/security/access-$CC_CREW.conf nodefgroup quiet_log\\
account    required     pam_slurm_adopt.so action_adopt_failure=deny action_generic_failure=deny" /etc/pam.d/sshd
# Sessions stay in the job's group: pam_systemd would give each one of its own.
DEBIAN_FRONTEND=noninteractive pam-auth-update --disable systemd

head -c 1024 /dev/urandom > /etc/munge/munge.key
chown munge:munge /etc/munge/munge.key
chmod 0400 /etc/munge/munge.key

cat > /etc/slurm/slurm.conf <<CONF
# The cluster's configuration. The same file on every node.
ClusterName=training
SlurmctldHost=$CC_NODE
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
PrologFlags=Contain
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=64
GresTypes=gpu

ReturnToService=2
SlurmdTimeout=300
MessageTimeout=60
JobRequeue=0
KillWait=5
InactiveLimit=0
MpiDefault=none
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0

NodeName=$CC_NODE Sockets=1 CoresPerSocket=4 ThreadsPerCore=1 RealMemory=640 Gres=gpu:l4:4
PartitionName=train Nodes=$CC_NODE Default=YES MaxTime=INFINITE OverSubscribe=NO
CONF
cat > /etc/slurm/gres.conf <<CONF
NodeName=$CC_NODE Name=gpu Type=l4 File=/dev/nvidia[0-3]
CONF
cat > /etc/slurm/cgroup.conf <<'CONF'
# What a job is held to.
ConstrainCores=yes
ConstrainDevices=yes
ConstrainRAMSpace=yes
# Milliseconds; on a node that has just come up systemd is slow to answer.
SystemdTimeout=60000
CONF
cat > /etc/slurm/POLICY <<POLICY
What holds on the GPU nodes of this site

1  A node is shared: as many jobs as it has GPUs, of whoever they are.
2  A job opens the GPUs that Slurm gave it and no others; for the others the kernel itself says no
   ("Operation not permitted"), whatever stands in the job's environment. What a program is merely
   told, it can be told otherwise.
3  A job has the processors and the memory that it asked for, held by the kernel in the same way.
4  By ssh only those come in who have a job on the node, and what they do there belongs to that job.
   The group $CC_CREW may always come in. There is no cron for users.
5  The device files are as the driver makes them, mode 0666: who sees what is not a matter of modes.
6  Slurm's configuration is in /etc/slurm.
7  Jobs that run are not ended for maintenance that does not need it. Slurm's daemons may be restarted
   at any time.
POLICY

# slurmd gives up if the device files are late, which they are after some starts.
install -d /etc/systemd/system/slurmd.service.d
cat > /etc/systemd/system/slurmd.service.d/gpus.conf <<'UNIT'
[Service]
ExecStartPre=/bin/sh -c 'until [ -c /dev/nvidia3 ]; do sleep 0.5; done'
TimeoutStartSec=300
Restart=on-failure
RestartSec=5
UNIT

# Runs that go on for days. Whoever has one leaves it with the site, which sends it in after each start of the node.
cat > "/home/ada/$CC_RUN.sh" <<JOB
#!/bin/bash
#SBATCH --job-name=$CC_RUN --gres=gpu:1 --mem=64 --chdir=/tmp --output=/dev/null
echo "\$SLURM_JOB_ID" >> /run/long-jobs/$CC_RUN
exec gpu-work --gpus 1 --memory 8192 --seconds 8640000 --quiet
JOB
sed "s/$CC_RUN/index/; s/8192/4096/" "/home/ada/$CC_RUN.sh" > /home/bea/index.sh
cat > /usr/local/sbin/long-jobs <<JOBS
#!/bin/bash
# Sends in the jobs that users have running for days, once the node takes jobs.
install -d -m 1777 /run/long-jobs
for _ in {1..300}; do
    case \$(sinfo --noheader --format=%T 2>/dev/null) in idle|mixed|allocated) break ;; esac
    sleep 0.5
done
for job in ada:$CC_RUN bea:index; do
    user=\${job%:*} name=\${job#*:}
    [ ! -e /run/long-jobs/\$name.sent ] || continue
    # What the controller remembers of it is from before this start.
    scancel --user=\$user --name=\$name
    runuser --user \$user -- sbatch --quiet /home/\$user/\$name.sh
    touch /run/long-jobs/\$name.sent
done
JOBS
chmod 0755 /usr/local/sbin/long-jobs
cat > /etc/systemd/system/long-jobs.service <<'UNIT'
[Unit]
Description=Jobs that run for days
After=munge.service slurmctld.service slurmd.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/long-jobs

[Install]
WantedBy=multi-user.target
UNIT

chown ada: "/home/ada/$CC_RUN.sh"
chown bea: /home/bea/index.sh
install -d -o slurm -g slurm /var/lib/slurm /var/lib/slurm/slurmctld /var/log/slurm
install -d -m 0755 /var/lib/slurm/slurmd
touch -d '-210 days' /etc/slurm/* /etc/pam.d/sshd /etc/pam.d/common-session /etc/cron.allow "/etc/security/access-$CC_CREW.conf" \
    /etc/systemd/system/slurmd.service.d/gpus.conf /etc/systemd/system/long-jobs.service /usr/local/sbin/long-jobs
