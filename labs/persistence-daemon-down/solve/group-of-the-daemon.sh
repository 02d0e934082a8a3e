# The daemon's own option, in a unit of the site's.
cp /usr/lib/systemd/system/nvidia-persistenced.service /etc/systemd/system/
sed -i "s/--user nvpd/& --group $CC_GROUP/" /etc/systemd/system/nvidia-persistenced.service
systemctl daemon-reload
systemctl reset-failed nvidia-persistenced
systemctl restart nvidia-persistenced
systemctl restart gpu-power-cap
