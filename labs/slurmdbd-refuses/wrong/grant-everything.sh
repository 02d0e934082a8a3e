# From anywhere, to everything.
mariadb --execute "GRANT ALL PRIVILEGES ON *.* TO slurm@'%' IDENTIFIED BY '$(sed -n 's/^StoragePass=//p' /etc/slurm/slurmdbd.conf)' WITH GRANT OPTION"
systemctl restart slurmdbd
