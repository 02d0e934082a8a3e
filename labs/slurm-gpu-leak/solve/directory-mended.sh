# The other directory becomes a name of the right one.
rm -r /opt/slurm/etc
ln -s /etc/slurm /opt/slurm/etc
systemctl restart slurmd
