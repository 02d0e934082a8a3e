# What the site adds to a cluster of this kind, the same files on every node but
# for the limits of those who log in.
cat >> /etc/slurm/slurm.conf <<'SLURM'

# A job's limits are those of the node that it runs on: of slurmd's unit, and of
# the PAM service "slurm" (limits.d).
UsePAM=1
PropagateResourceLimitsExcept=MEMLOCK,NOFILE
SLURM
cat > /etc/pam.d/slurm <<'PAM'
# For jobs: see UsePAM in slurm.conf.
account  required  pam_permit.so
session  required  pam_limits.so
PAM
cat > /usr/local/bin/pin-check <<'SCRIPT'
#!/usr/bin/perl
# Locks so many MiB in memory, as a transport does that registers its buffers,
# and says whether it was allowed to.
use POSIX ();
my $mib = shift // 1;
my $host = (POSIX::uname())[1];
my $mlock = (POSIX::uname())[4] eq "aarch64" ? 228 : 149;
my $buffer = "\0" x ($mib << 20);
if (syscall($mlock, unpack("J", pack("P", $buffer)), length $buffer) != 0) {
    print STDERR "pin-check: $host: register $mib MiB: $!\n";
    exit 1;
}
print "pin-check: $host: $mib MiB registered\n";
SCRIPT
chmod 0755 /usr/local/bin/pin-check
case $CC_NODE in
ctl)
    cat > /etc/security/limits.d/50-site.conf <<CONF
# Login node: shared by everybody, so nobody locks memory here.
*  -     memlock  $CC_LOW
CONF
    ;;
*)
    cat > /etc/security/limits.d/50-site.conf <<CONF
# Compute node.
*  hard  nofile   $CC_FILES
CONF
    install -d /etc/systemd/system/slurmd.service.d
    cat > /etc/systemd/system/slurmd.service.d/site.conf <<'DROPIN'
[Service]
LimitMEMLOCK=infinity
LimitCORE=0
DROPIN
    ;;
esac
systemctl daemon-reload

. /usr/local/share/cluster/join.sh
[ "$CC_NODE" = ctl ] || exit 0

# It has nothing to do with all this.
pretrain gpu2 "/bin/bash -c 'exec -a pretrain sleep 864000'"
