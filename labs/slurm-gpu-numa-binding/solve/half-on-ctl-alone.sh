# Who decides has the rule. The nodes have another file.
sed -i 's/^SelectTypeParameters=.*/SelectTypeParameters=CR_Core,ENFORCE_BINDING_GRES/' /etc/slurm/slurm.conf
systemctl restart slurmctld
