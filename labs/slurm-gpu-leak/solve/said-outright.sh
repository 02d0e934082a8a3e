# Every choice is written down.
sed -i '/^SelectType=/iPrologFlags=Alloc,Contain' /etc/slurm/slurm.conf
sed -i 's/action_no_jobs=ignore/action_no_jobs=deny/' /etc/pam.d/sshd
scontrol reconfigure
