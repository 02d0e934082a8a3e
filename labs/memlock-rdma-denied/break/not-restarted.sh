# Started with a small limit; the file has been mended since, and so it is younger than the daemon.
file=/etc/systemd/system/slurmd.service.d/site.conf
sed -i "s/^LimitMEMLOCK=.*/LimitMEMLOCK=${CC_LOW}K/" $file
systemctl daemon-reload
systemctl restart slurmd
sed -i "s/^LimitMEMLOCK=.*/# Was ${CC_LOW}K, which was too little for jobs.\nLimitMEMLOCK=infinity/" $file
systemctl daemon-reload
