# Right where slurmctld reads it; two other nodes have another file.
sed -i '/^PartitionName=train/s/ QOS=debug//' /etc/slurm/slurm.conf
systemctl restart slurmctld
echo "$CC_VISIT $CC_RULE_DEBUG" > "/srv/tickets/$CC_TICKET.txt"
