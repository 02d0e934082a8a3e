# A gate of one's own that reads no log and asks the boards alone, in another place, at another pace.
cat > /tmp/gate <<'GATE'
#!/bin/sh
# Out of service with the first GPU that is lost, hangs, wants a reset, or has no spare row.
for number in 0 1 2 3 4 5 6 7; do
    if answer=$(timeout 5 nvidia-smi --query -i $number 2>&1); then
        what=$(echo "$answer" | grep -E 'Recovery Action|Remapping Failure' | grep -Ev ': (None|No)$' | tr -s ' ')
    else
        what=$(echo "$answer" | tail -n 1)
    fi
    if [ "$what" ]; then
        sinfo -h -N -n "$(hostname)" -o %T | grep -q drain ||
            scontrol update nodename="$(hostname)" state=drain reason="GPU $number: $(echo $what)"
        exit 1
    fi
done
GATE
for node in gpu1 gpu2 gpu3; do
    ssh $node install -D -m 0755 /dev/stdin /opt/gate/check < /tmp/gate
done
for node in ctl gpu1 gpu2 gpu3; do
    ssh $node "sed -i 's,^HealthCheckProgram=.*,HealthCheckProgram=/opt/gate/check,; s/^HealthCheckInterval=.*/HealthCheckInterval=8/' /etc/slurm/slurm.conf"
done
systemctl restart slurmctld
# A slurmd that is to end waits for the gates that it has started.
for node in gpu1 gpu2 gpu3; do
    ssh $node "pkill -x $CC_GATE; systemctl restart slurmd"
done
