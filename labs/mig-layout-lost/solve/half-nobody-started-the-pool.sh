sed -i "s/ 3g.20gb,.*/ 3g.40gb,$CC_SECOND,1g.10gb,1g.10gb/" /etc/mig-layout.conf
systemctl restart mig-layout
