# The directory of a Slurm that was tried out, and the option that points there.
install -d /opt/slurm/etc
cp /etc/slurm/slurm.conf /etc/slurm/gres.conf /opt/slurm/etc/
cat > /opt/slurm/etc/cgroup.conf <<'CONF'
# To begin with.
SystemdTimeout=60000
CONF
cat > /etc/default/slurmd <<'CONF'
# Additional options that are passed to the slurmd daemon
SLURMD_OPTIONS="-f /opt/slurm/etc/slurm.conf"
CONF
touch -d '-19 days' /opt/slurm/etc/* /opt/slurm/etc /opt/slurm /etc/default/slurmd
