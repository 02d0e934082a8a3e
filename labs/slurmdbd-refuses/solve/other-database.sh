#: step the database with the books in it
sed -i 's/^StorageLoc=.*/StorageLoc=slurm_acct_db/' /etc/slurm/slurmdbd.conf
#: step slurmdbd reads it
systemctl restart slurmdbd
