#: step one directory
sed -i 's/^SLURMD_OPTIONS=.*/#SLURMD_OPTIONS=""/' /etc/default/slurmd
#: step slurmd reads it
systemctl restart slurmd
