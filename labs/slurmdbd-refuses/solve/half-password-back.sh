# Takes the rotation back.
mariadb --execute "ALTER USER slurm@localhost IDENTIFIED BY '$(sed -n 's/^StoragePass=//p' /etc/slurm/slurmdbd.conf)'"
