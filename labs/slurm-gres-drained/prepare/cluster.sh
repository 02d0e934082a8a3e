# Gives the node what a site installer would have: the cluster's munge key and
# root's ssh trust. Both are derived from the attempt's secret, so that all its
# nodes agree without a word between them, and no image carries a key.
derive() { printf '%s %s' "$1" "$CC_SECRET" | openssl dgst "-$2" -binary; }

# An ed25519 private key is its 32 bytes behind a fixed PKCS #8 header.
ed25519() {
    { printf '\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20'; derive "$1" sha256; } |
        openssl pkey -inform DER -out "$2"
    chmod 0600 "$2"
    ssh-keygen -y -f "$2" > "$2.pub"
}

{ derive munge-first-half sha512; derive munge-second-half sha512; } > /etc/munge/munge.key
chown munge:munge /etc/munge/munge.key
chmod 0400 /etc/munge/munge.key

# What each machine was bought with. slurmd asks NVML for the GPUs, and which
# processors they are wired to. Those are a whole server's, and the ones below this
# node are whatever they are: hwloc, by which slurmd counts processors, gets the
# server's as well.
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
gpu1) cores=56 ;;
gpu2) cores=24 ;;
esac
if [ "$CC_NODE" != ctl ]; then
    echo "HWLOC_SYNTHETIC=\"pack:2 core:$cores pu:2(indexes=2*$cores:$((2 * cores))*2:1*2)\"" > /etc/default/slurmd
    sed 's/^/export /' /etc/default/slurmd > /etc/profile.d/processors.sh
fi

ed25519 host /etc/ssh/ssh_host_ed25519_key
ed25519 root /etc/ssh/cluster_ed25519_key
echo "ctl,gpu1,gpu2 $(cat /etc/ssh/ssh_host_ed25519_key.pub)" > /etc/ssh/ssh_known_hosts
install -d -m 0700 /root/.ssh
cp /etc/ssh/cluster_ed25519_key.pub /root/.ssh/authorized_keys

if [ "$CC_NODE" != ctl ]; then
    systemctl enable --now munge ssh
    # A slurmd whose controller is not there yet tries again after a second.
    for _ in {1..100}; do
        case $(scontrol ping 2>&1) in *' is UP'*) break ;; esac
        sleep 0.05
    done
    systemctl enable --now slurmd
    exit
fi

systemctl enable --now munge ssh slurmctld

# A long training run of ada's on gpu1, which has nothing to do with all this.
# It comes back when the nodes are restarted, once the controller has forgotten
# the run before, and not when somebody kills it.
# srun and not sbatch: a controller that has just started lets batch jobs wait
# for three seconds, and the learner with them.
cat > /etc/systemd/system/pretrain.service <<'UNIT'
[Unit]
Description=Pretraining run of ada
After=munge.service slurmctld.service

[Service]
User=ada
WorkingDirectory=/tmp
ExecStartPre=-/usr/bin/scancel --user=ada --name=pretrain
ExecStart=/usr/bin/srun --job-name=pretrain --nodelist=gpu1 --gres=gpu:h100:2 --input=none /usr/bin/gpu-work --gpus 2 --seconds 864000 --quiet
# srun would pass a SIGTERM on and wait for its job; nobody waits when a node goes down.
KillSignal=SIGKILL
StandardOutput=null
StandardError=null

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
for _ in {1..200}; do
    [ "$(sinfo --noheader --nodes=gpu1 --format=%T)" != idle ] || break
    sleep 0.05
done
systemctl enable --now pretrain
