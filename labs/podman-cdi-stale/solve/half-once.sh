# Made anew, by hand, once more.
nvidia-ctk cdi generate --output /etc/cdi/nvidia.yaml
systemctl start "$CC_SERVICE"
