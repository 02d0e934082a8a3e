# The count is right, the sockets are gone.
sed -i "s/^NodeName=gpu1 .*/# Change $CC_CHANGE: gpu1 with all its cores\n&/; s/Sockets=2 CoresPerSocket=56/Sockets=1 CoresPerSocket=112/" \
    /etc/slurm/slurm.conf
