#: step bare metal
sed -i 's/^FABRIC_MODE=.*/FABRIC_MODE=0/' /usr/share/nvidia/nvswitch/fabricmanager.cfg
#: step run it
systemctl restart nvidia-fabricmanager
