# The account made anew for where slurmdbd comes from, over TCP this time, and the other one gone.
new=$(openssl rand -hex 16)
mariadb <<SQL
DROP USER slurm@'$CC_DBHOST';
CREATE USER slurm@127.0.0.1 IDENTIFIED BY '$new';
GRANT ALL PRIVILEGES ON slurm_acct_db.* TO slurm@127.0.0.1;
SQL
sed -i "s/^StoragePass=.*/StoragePass=$new/; s/^StorageHost=.*/StorageHost=127.0.0.1/" /etc/slurm/slurmdbd.conf
systemctl restart slurmdbd
