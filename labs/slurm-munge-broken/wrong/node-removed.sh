# A cluster without gpu1 has no problem with gpu1.
sed -i 's/gpu\[1-2\]/gpu2/' /etc/slurm/slurm.conf
ssh gpu2 "sed -i 's/gpu\[1-2\]/gpu2/' /etc/slurm/slurm.conf"
systemctl restart slurmctld
