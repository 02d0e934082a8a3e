# Nobody is asked who he is.
for node in ctl gpu1 gpu2; do
    ssh $node "sed -i 's/^AuthType=.*/AuthType=auth\/none/; s/^CredType=.*/CredType=cred\/none/' /etc/slurm/slurm.conf"
done
systemctl restart slurmctld || true
ssh gpu2 systemctl restart slurmd || true
ssh gpu1 systemctl restart slurmd || true
