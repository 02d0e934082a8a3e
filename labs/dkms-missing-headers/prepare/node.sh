# The Sunday patch run, and the house rules.

cat > /usr/local/sbin/node-patch <<'SCRIPT'
#!/bin/sh
# Sundays: everything that is newer, the kernel too, then a restart. One kernel stays, the newest.
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get --quiet --quiet update
apt-get --quiet --yes -o Dpkg::Options::=--force-confold --auto-remove dist-upgrade
exec systemctl reboot
SCRIPT
chmod 755 /usr/local/sbin/node-patch
cat > /etc/systemd/system/node-patch.service <<'UNIT'
[Unit]
Description=Sunday patch run

[Service]
Type=oneshot
ExecStart=/usr/local/sbin/node-patch
UNIT
cat > /etc/systemd/system/node-patch.timer <<UNIT
[Unit]
Description=Sunday patch run

[Timer]
OnCalendar=Sun *-*-* 0$CC_HOUR:10:00

[Install]
WantedBy=timers.target
UNIT
# The manager finds units that it has not read yet by itself: reloading it takes seconds.
ln -s /etc/systemd/system/node-patch.timer /etc/systemd/system/timers.target.wants/
systemctl --no-block start node-patch.timer

install -d /usr/local/share/doc/node
cat > /usr/local/share/doc/node/README <<README
House rules of this node

- node-patch takes what is newer every Sunday at 0$CC_HOUR:10, the kernel too, and restarts the node. It stays on, and as it
  is. Kernels are not held, pinned or left out: security wants the newest one to run.
- The driver is nvidia-kernel-dkms 580.105.08, and DKMS builds its module, for each kernel when that is installed: before
  it runs for the first time, and with nobody's help. Modules come from there and from nowhere else.
- Packages come from /var/local-repo and /var/nvidia-driver-local-repo; apt knows both.
README
