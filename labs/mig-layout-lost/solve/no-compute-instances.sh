#: step filled from the start
sed -i 's/-cgi "$profiles"$/-cgi "$profiles" -C/' /usr/local/sbin/mig-layout
#: step fill those that are there
nvidia-smi mig -i 0,1 -cci
#: step the pool
systemctl start notebook-pool
