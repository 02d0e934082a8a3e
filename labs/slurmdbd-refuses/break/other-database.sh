sed -i "s/^StorageLoc=.*/StorageLoc=$CC_DATABASE/" /etc/slurm/slurmdbd.conf
