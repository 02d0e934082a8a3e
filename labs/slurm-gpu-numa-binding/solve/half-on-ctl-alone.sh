# Jobs that are sent in from here have the rule. The nodes have another file, and jobs from there have not.
sed -i 's/^SelectTypeParameters=.*/SelectTypeParameters=CR_Core,ENFORCE_BINDING_GRES/' /etc/slurm/slurm.conf
systemctl restart slurmctld
