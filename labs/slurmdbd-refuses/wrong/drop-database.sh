# A fresh database, a fresh account.
mariadb <<SQL
DROP DATABASE slurm_acct_db;
CREATE DATABASE slurm_acct_db;
CREATE OR REPLACE USER slurm@localhost IDENTIFIED BY '$(sed -n 's/^StoragePass=//p' /etc/slurm/slurmdbd.conf)';
GRANT ALL ON slurm_acct_db.* TO slurm@localhost;
SQL
chmod 0600 /etc/slurm/slurmdbd.conf
systemctl restart slurmdbd
