#: step slurm comes from here
mariadb --execute "RENAME USER slurm@'$CC_DBHOST' TO slurm@localhost"
