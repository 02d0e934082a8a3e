#: step the packaged one
rm -r /etc/systemd/system/nvidia-fabricmanager.service.d
systemctl daemon-reload
#: step run it
systemctl restart nvidia-fabricmanager
