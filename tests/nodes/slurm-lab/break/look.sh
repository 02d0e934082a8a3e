systemctl restart slurmd
for _ in {1..200}; do
    [ "$(sinfo --noheader --format=%T)" != inval ] || break
    sleep 0.05
done
sinfo --noheader --format='%T %G %E' > /root/after
. /etc/default/slurmd
export HWLOC_SYNTHETIC
slurmd -G > /root/found-after 2>&1
scontrol update nodename=gpu1 state=resume > /root/resumed 2>&1 || true
