#: step jobs that can take somebody in
sed -i '/^TaskPlugin=/aPrologFlags=Contain' /etc/slurm/slurm.conf
systemctl restart slurmctld slurmd
#: step nobody without a job
sed -i '/^# Turned people away/d; s/action_no_jobs=ignore //' /etc/pam.d/sshd
