# Runs now, behind the service manager's back.
install -d -o munge -g munge /run/munge
runuser -u munge -- /usr/sbin/munged
systemctl start slurmd
