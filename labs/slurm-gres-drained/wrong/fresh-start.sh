# Throws everybody's jobs away first.
scancel --user=ada
systemctl restart slurmctld
