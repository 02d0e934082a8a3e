sed -i 's/^ordinary_pages = .*/ordinary_pages = yes/' /etc/inferd/inferd.conf
systemctl stop featured
systemctl restart inferd
systemctl start featured
