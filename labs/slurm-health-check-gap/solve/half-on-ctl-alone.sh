# Where slurmctld reads it, and nowhere else.
sed -i '/beside a job/d; s/^HealthCheckNodeState=IDLE/HealthCheckNodeState=ANY/' /etc/slurm/slurm.conf
systemctl restart slurmctld
