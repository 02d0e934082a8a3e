# The toolkit makes it aside and moves it there by itself, readable for all.
sed -i '/^new=/d; /^mv /d; s,^nvidia-ctk .*,nvidia-ctk --quiet cdi generate --output /run/cdi/nvidia.yaml,' /etc/gpu-changed.d/50-cdi
gpu-changed
