# No password at all: MariaDB asks the kernel who is at the other end of the socket.
mariadb --execute 'ALTER USER slurm@localhost IDENTIFIED VIA unix_socket'
sed '/^StoragePass=/d' /etc/slurm/slurmdbd.conf > /etc/slurm/slurmdbd.conf.new
chown slurm:slurm /etc/slurm/slurmdbd.conf.new
chmod 0600 /etc/slurm/slurmdbd.conf.new
mv /etc/slurm/slurmdbd.conf.new /etc/slurm/slurmdbd.conf
systemctl restart slurmdbd
