# slurmdbd asks from the host that the account is for, and so may all the network.
sed -i 's/^bind-address.*/bind-address = 0.0.0.0/' /etc/mysql/mariadb.conf.d/60-accounting.cnf
sed -i 's/^StorageHost=.*/StorageHost=ctl/' /etc/slurm/slurmdbd.conf
mariadb --execute "RENAME USER slurm@'$CC_DBHOST' TO slurm@ctl"
systemctl restart mariadb
systemctl restart slurmdbd
