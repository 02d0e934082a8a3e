# What a site installer does to the controller of a cluster that keeps accounts, before it joins: the database's
# user, slurmdbd's own file, and both daemons, which slurmctld then brings up with itself. A lab's `prepare` sources
# it on that node with CC_SECRET, once slurm.conf says `AccountingStorageType=accounting_storage/slurmdbd`, and
# sources join.sh after it.
password=$(printf 'accounting %s' "$CC_SECRET" | sha256sum | cut -c 1-24)

cat > /etc/slurm/slurmdbd.conf <<CONF
AuthType=auth/munge
DbdHost=ctl
SlurmUser=slurm
PidFile=/run/slurmdbd/slurmdbd.pid
LogFile=/var/log/slurm/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StoragePass=$password
StorageLoc=slurm_acct_db
CONF
chown slurm:slurm /etc/slurm/slurmdbd.conf
chmod 0600 /etc/slurm/slurmdbd.conf

systemctl enable --now mariadb
mariadb <<SQL
CREATE USER slurm@localhost IDENTIFIED BY '$password';
GRANT ALL ON slurm_acct_db.* TO slurm@localhost;
SQL
systemctl enable slurmdbd
