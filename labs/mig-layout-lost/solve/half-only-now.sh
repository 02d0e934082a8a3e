# Filled, until the next start.
nvidia-smi mig -i 0,1 -cci
systemctl start notebook-pool
