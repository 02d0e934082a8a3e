#: step a password that nobody has read
new=$(openssl rand -hex 16)
mariadb --execute "ALTER USER slurm@localhost IDENTIFIED BY '$new'"
sed -i "s/^StoragePass=.*/StoragePass=$new/" /etc/slurm/slurmdbd.conf
#: step a file of slurm's own
chmod 0600 /etc/slurm/slurmdbd.conf
#: step slurmdbd reads it
systemctl restart slurmdbd
