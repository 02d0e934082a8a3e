# A second account beside the one for elsewhere.
mariadb <<SQL
CREATE USER slurm@localhost IDENTIFIED BY '$(sed -n 's/^StoragePass=//p' /etc/slurm/slurmdbd.conf)';
GRANT ALL PRIVILEGES ON slurm_acct_db.* TO slurm@localhost;
SQL
