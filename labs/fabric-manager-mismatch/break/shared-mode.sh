sed -i 's/^FABRIC_MODE=.*/FABRIC_MODE=1/' /usr/share/nvidia/nvswitch/fabricmanager.cfg
systemctl enable nvidia-fabricmanager
systemctl restart nvidia-fabricmanager
