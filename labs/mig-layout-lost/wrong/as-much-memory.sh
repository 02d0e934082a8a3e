# What has 20 GB there has 20 GB here.
sed -i "s/ 3g.20gb,.*/ 2g.20gb,1g.10gb,1g.10gb,1g.10gb/" /etc/mig-layout.conf
systemctl restart mig-layout
systemctl start notebook-pool || true
