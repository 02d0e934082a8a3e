# Right where it hurt, and two other files still say otherwise.
sed -i '/NodeName=gpu2/s/\[1-4\]/[0-3]/' /etc/slurm/gres.conf
systemctl restart slurmd
