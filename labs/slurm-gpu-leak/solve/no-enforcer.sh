#: step somebody who enforces it
sed -i 's/^TaskPlugin=.*/TaskPlugin=task\/affinity,task\/cgroup/' /etc/slurm/slurm.conf
#: step the daemons read it
systemctl restart slurmctld slurmd
