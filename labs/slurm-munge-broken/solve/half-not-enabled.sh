# Runs now, and not after the next start.
systemctl unmask munge
systemctl start munge
systemctl start slurmd
