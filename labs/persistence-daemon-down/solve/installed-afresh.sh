# The package makes its account and starts its daemon when it is new.
systemctl unmask nvidia-persistenced
systemctl reset-failed nvidia-persistenced
apt-get purge --yes nvidia-persistenced
apt-get install --yes nvidia-persistenced=580.105.08-1
systemctl restart gpu-power-cap
