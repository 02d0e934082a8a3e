mariadb --execute "RENAME USER slurm@localhost TO slurm@'$CC_DBHOST'"
