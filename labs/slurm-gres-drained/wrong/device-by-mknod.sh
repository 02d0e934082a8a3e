# The file that slurmd waits for.
mknod --mode=0666 /dev/nvidia4 c 195 4
systemctl restart slurmd
