# Who does not ask is not told.
sed -i 's/^HealthCheckInterval=.*/HealthCheckInterval=0/' /etc/slurm/slurm.conf
if [ "$CC_NODE" = ctl ]; then
    systemctl restart slurmctld
else
    printf '#!/bin/sh\nexit 0\n' > "/usr/local/sbin/$CC_GATE"
    systemctl restart slurmd
fi
