# By hand, and without what NVML would have told.
cat > /etc/slurm/gres.conf <<GRES
# The same file on every node.
# Change $CC_CHANGE: gpu1 by hand, so that Slurm starts while the driver is being exchanged
NodeName=gpu1 Name=gpu Type=h100 File=/dev/nvidia[0-7]
NodeName=gpu2 AutoDetect=nvml
GRES
