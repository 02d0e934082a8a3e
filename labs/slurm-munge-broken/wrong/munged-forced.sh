# Makes munged swallow what it warns about.
echo 'OPTIONS="--force"' > /etc/default/munge
systemctl restart munge
systemctl restart slurmd
