# Holds until the next start.
while [ "$(systemctl is-active nvidia-persistenced)" = activating ]; do sleep 0.1; done
systemctl restart gpu-power-cap
