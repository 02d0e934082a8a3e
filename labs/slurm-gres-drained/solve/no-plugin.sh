#: step the plugin
apt-get install --yes --quiet slurm-wlm-nvml-plugin
#: step slurmd loads it
systemctl restart slurmd
