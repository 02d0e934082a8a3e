# The daemon takes the user's number and no list of groups.
usermod --append --groups "$CC_GROUP" nvpd
systemctl reset-failed nvidia-persistenced
systemctl restart nvidia-persistenced || true
systemctl restart gpu-power-cap
