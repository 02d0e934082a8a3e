#: step no copy at the next start
rm -r /usr/local/lib/tmpfiles.d/cdi.conf /usr/local/share/cdi
#: step nor now
rm /run/cdi/nvidia.yaml
#: step the service
systemctl start "$CC_SERVICE"
