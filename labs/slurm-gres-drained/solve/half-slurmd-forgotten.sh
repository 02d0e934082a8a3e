# Right on disk, and slurmd, which has given up, was not told.
apt-get install --yes --quiet slurm-wlm-nvml-plugin
