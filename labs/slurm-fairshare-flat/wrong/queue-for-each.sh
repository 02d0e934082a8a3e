# A partition for each group, and the others' ones come first.
for node in gpu1 ctl; do
    ssh $node "sed -i 's/^PartitionName=train .*/PartitionName=train Nodes=gpu1 Default=YES MaxTime=INFINITE AllowAccounts=ALL PriorityTier=1\nPartitionName=others Nodes=gpu1 MaxTime=INFINITE DenyAccounts=$CC_GROUP PriorityTier=10/' /etc/slurm/slurm.conf"
done
scontrol reconfigure
