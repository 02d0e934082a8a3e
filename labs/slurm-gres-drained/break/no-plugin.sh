# Slurm's packages were installed anew, and the plugin, which is in another archive, did not come with them.
systemctl stop slurmd
dpkg --purge slurm-wlm-nvml-plugin > /dev/null
systemctl start --no-block slurmd
