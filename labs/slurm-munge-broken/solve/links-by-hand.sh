# What unmask and enable do, done to the links themselves.
rm /etc/systemd/system/munge.service
ln -s /usr/lib/systemd/system/munge.service /etc/systemd/system/multi-user.target.wants/munge.service
systemctl daemon-reload
systemctl start munge
systemctl start slurmd
