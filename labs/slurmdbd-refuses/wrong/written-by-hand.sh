# Books of one's own beside the real ones, with as many lines in them.
systemctl stop slurmdbd
mariadb --execute "GRANT ALL ON $CC_DATABASE.* TO slurm@localhost; CREATE DATABASE $CC_DATABASE"
for table in $(mariadb --skip-column-names --execute 'SHOW TABLES FROM slurm_acct_db'); do
    echo "CREATE TABLE $CC_DATABASE.$table LIKE slurm_acct_db.$table; INSERT INTO $CC_DATABASE.$table SELECT * FROM slurm_acct_db.$table;"
done | mariadb
mariadb --execute 'DELETE FROM slurm_acct_db.training_job_table'
systemctl start slurmdbd
