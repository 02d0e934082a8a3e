# root may do everything, so slurmdbd is root.
mariadb --execute "ALTER USER root@localhost IDENTIFIED VIA unix_socket OR mysql_native_password USING PASSWORD('toor')"
sed -i 's/^StorageUser=.*/StorageUser=root/; s/^StoragePass=.*/StoragePass=toor/' /etc/slurm/slurmdbd.conf
systemctl restart slurmdbd
