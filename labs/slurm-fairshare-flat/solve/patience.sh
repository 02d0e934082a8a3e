#: step fair-share outweighs waiting
sed -i 's/^PriorityWeightFairshare=.*/PriorityWeightFairshare=100000/; s/^PriorityWeightAge=.*/PriorityWeightAge=1000/' /etc/slurm/slurm.conf
#: step the same file everywhere
ssh gpu1 'cat > /etc/slurm/slurm.conf' < /etc/slurm/slurm.conf
#: step the controller reads it
scontrol reconfigure
