mariadb --execute "ALTER USER slurm@localhost IDENTIFIED BY '$(openssl rand -hex 12)'"
