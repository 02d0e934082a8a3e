# The cluster's inventory as it was ordered.
sed -i "s/^NodeName=gpu2 .*/# Change $CC_CHANGE: as ordered\n&/; s/Gres=gpu:l4:4/Gres=gpu:l4:8/" /etc/slurm/slurm.conf
touch -d '-9 hours' /etc/slurm/slurm.conf
case $CC_NODE in
ctl) systemctl restart slurmctld ;;
*) systemctl restart slurmd ;;
esac
