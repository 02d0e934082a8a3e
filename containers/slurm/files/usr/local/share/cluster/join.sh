# What a site installer does to a node of the cluster: its munge key, root's ssh
# trust, and the daemons of its part. A lab's `prepare` sources it on every node,
# with CC_NODE and CC_SECRET, once the files in /etc/slurm are as they shall be;
# a cluster of other nodes than these sets CLUSTER, a node with GPUs sets CORES, the
# cores of each of its two sockets.
# The keys are derived from the attempt's secret, so that all its nodes agree
# without a word between them, and no image carries a key.
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

ed25519 host /etc/ssh/ssh_host_ed25519_key
ed25519 root /etc/ssh/cluster_ed25519_key
cluster=${CLUSTER:-ctl,gpu1,gpu2}
echo "$cluster $(cat /etc/ssh/ssh_host_ed25519_key.pub)" > /etc/ssh/ssh_known_hosts
sed -i "s/^Host .*/Host ${cluster//,/ }/" /etc/ssh/ssh_config.d/cluster.conf
install -d -m 0700 /root/.ssh
cp /etc/ssh/cluster_ed25519_key.pub /root/.ssh/authorized_keys

# slurmd asks NVML which processors a GPU is wired to. They are a whole server's, and those below
# this node are whatever they are: hwloc, by which slurmd counts processors, gets the server's too.
if [ "${CORES:-}" ]; then
    echo "HWLOC_SYNTHETIC=\"pack:2 core:$CORES pu:2(indexes=2*$CORES:$((2 * CORES))*2:1*2)\"" > /etc/default/slurmd
    # For a slurmd that is asked by hand, in a shell or from another node.
    sed 's/^/export /' /etc/default/slurmd > /etc/profile.d/processors.sh
    sed 's/^/SetEnv /' /etc/default/slurmd > /etc/ssh/sshd_config.d/processors.conf
fi

if [ "$CC_NODE" = ctl ]; then
    systemctl enable --now munge ssh slurmctld
else
    systemctl enable --now munge ssh
    # A slurmd whose controller is not there yet tries again after a second, and later after ten.
    for _ in {1..100}; do
        case $(scontrol ping 2>&1) in *' is UP'*) break ;; esac
        sleep 0.05
    done
    systemctl enable --now slurmd
fi

# pretrain NODE SRUN-ARGUMENTS: on ctl, a long training run of ada's on a compute
# node, which is there before this returns. It comes back when the nodes are
# restarted, once the controller has forgotten the run before, and not when
# somebody kills it.
# srun and not sbatch: a controller that has just started lets batch jobs wait
# for three seconds, and the learner with them.
# KillSignal: srun passes a SIGTERM on and waits for its job, and with it whoever
# restarts the node.
pretrain() {
    local node=$1
    shift
    cat > /etc/systemd/system/pretrain.service <<UNIT
[Unit]
Description=Pretraining run of ada
After=munge.service slurmctld.service

[Service]
User=ada
WorkingDirectory=/tmp
ExecStartPre=-/usr/bin/scancel --user=ada --name=pretrain
ExecStart=/usr/bin/srun --job-name=pretrain --nodelist=$node --input=none $*
KillSignal=SIGKILL
StandardOutput=null
StandardError=null

[Install]
WantedBy=multi-user.target
UNIT
    systemctl daemon-reload
    for _ in {1..200}; do
        [ "$(sinfo --noheader --nodes="$node" --format=%T)" != idle ] || break
        sleep 0.05
    done
    systemctl enable --now pretrain
    # An srun whose controller is restarted before it has its job gives up.
    for _ in {1..200}; do
        [ -z "$(squeue --noheader --states=running --name=pretrain)" ] || break
        sleep 0.05
    done
}
