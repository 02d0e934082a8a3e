sed -i -e 's/^every_s = .*/every_s = 3600/' -e 's/^size_mib = .*/size_mib = 8/' /etc/trainer/trainer.conf
systemctl restart trainer
