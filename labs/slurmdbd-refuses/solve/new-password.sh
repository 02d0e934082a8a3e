#: step one password in both places
new=$(openssl rand -hex 16)
mariadb --execute "ALTER USER slurm@localhost IDENTIFIED BY '$new'"
sed -i "s/^StoragePass=.*/StoragePass=$new/" /etc/slurm/slurmdbd.conf
#: step slurmdbd reads it
systemctl restart slurmdbd
