#: step the settings of the installer
rm /etc/sysctl.d/70-checkpoints.conf
sysctl --system
