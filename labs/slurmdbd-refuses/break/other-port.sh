sed -i "/^DbdHost=/aDbdPort=$CC_PORT" /etc/slurm/slurmdbd.conf
