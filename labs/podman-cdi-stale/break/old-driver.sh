# The description was made once, by hand, when the node had the driver before. Nothing makes it anew.
install -d /etc/cdi
nvidia-ctk --quiet cdi generate | sed "s/580\.105\.08/$CC_OLD/g" > /etc/cdi/nvidia.yaml
chmod 0644 /etc/cdi/nvidia.yaml
touch -d '-131 days' /etc/cdi/nvidia.yaml
