# The rule went with the parameters that were written anew.
sed -i "s/^SelectTypeParameters=.*/# Change $CC_CHANGE: whole cores, as in the manual's example\nSelectTypeParameters=CR_Core/" /etc/slurm/slurm.conf
