apt-get install --yes --quiet --reinstall nvidia-fabricmanager
systemctl restart nvidia-fabricmanager
