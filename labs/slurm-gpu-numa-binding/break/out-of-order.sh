# By hand, in the order of the PCIe switches. Each line is true; Slurm sorts the devices of all lines, and not what stands
# beside them.
cat > /etc/slurm/gres.conf <<GRES
# The same file on every node.
# Change $CC_CHANGE: gpu1 by hand, so that Slurm starts while the driver is being exchanged; a line for each PCIe switch
NodeName=gpu1 Name=gpu Type=h100 File=/dev/nvidia[0-1] Cores=0-55
NodeName=gpu1 Name=gpu Type=h100 File=/dev/nvidia[4-5] Cores=56-111
NodeName=gpu1 Name=gpu Type=h100 File=/dev/nvidia[2-3] Cores=0-55
NodeName=gpu1 Name=gpu Type=h100 File=/dev/nvidia[6-7] Cores=56-111
NodeName=gpu2 AutoDetect=nvml
GRES
