#: step keep the sweep
rm /etc/systemd/system/trainer.service.d/20-fast-restart.conf
systemctl daemon-reload
#: step clear what is left
trainer-sweep --all
