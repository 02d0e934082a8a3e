# The old one goes; the next driver brings the next old one.
rm "/etc/cdi/nvidia-$CC_OLD.yaml"
systemctl start "$CC_SERVICE"
