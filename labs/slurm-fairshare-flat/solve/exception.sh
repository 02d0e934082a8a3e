#: step the exception ends, who has it and what it weighs
sacctmgr --immediate modify user ada set defaultqos=normal qos=normal
sed -i '/^PriorityWeightQOS=/d; /for the deadline/d' /etc/slurm/slurm.conf
#: step the same file everywhere
ssh gpu1 'cat > /etc/slurm/slurm.conf' < /etc/slurm/slurm.conf
#: step the controller reads it
scontrol reconfigure
