# The daemons read what the change wrote.
touch -d '-9 hours' /etc/slurm/slurm.conf /etc/slurm/gres.conf
case $CC_NODE in
ctl) systemctl restart slurmctld ;;
*) systemctl restart slurmd ;;
esac
