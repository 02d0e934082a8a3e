#: step this board's names
sed -i "s/ 3g.20gb,.*/ 3g.40gb,$CC_SECOND,1g.10gb,1g.10gb/" /etc/mig-layout.conf
#: step now
systemctl restart mig-layout
systemctl start notebook-pool
