# The flag went with a rewrite of slurm.conf; then nobody came in any more, and somebody let everybody in.
sed -i '/^PrologFlags=/d' /etc/slurm/slurm.conf
sed -i 's/^account .*pam_slurm_adopt\.so .*/# Turned people away who had a job.\n&/; s/pam_slurm_adopt\.so /&action_no_jobs=ignore /' /etc/pam.d/sshd
grep -q 'pam_slurm_adopt.so action_no_jobs=ignore' /etc/pam.d/sshd
touch -d '-19 days' /etc/slurm/slurm.conf
touch -d '-18 days' /etc/pam.d/sshd
