# A file of their own for jobs; limits.d stays for those who log in.
echo "*  hard  nofile  $CC_FILES" > /etc/security/jobs.conf
sed -i 's/pam_limits.so.*/pam_limits.so conf=\/etc\/security\/jobs.conf/' /etc/pam.d/slurm
