#: step the release of the driver
apt-get install --yes --quiet nvidia-fabricmanager=580.105.08-1
#: step run it
systemctl restart nvidia-fabricmanager
