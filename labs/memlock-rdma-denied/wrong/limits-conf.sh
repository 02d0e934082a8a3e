# Where everybody looks first. slurmd has never heard of it.
echo '*  -  memlock  unlimited' >> /etc/security/limits.conf
