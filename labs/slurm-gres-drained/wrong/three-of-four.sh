# Goes on with the rest, and the inventory says that three is what was bought.
for node in ctl gpu1 gpu2; do
    ssh $node "sed -i 's/gpu:l4:4/gpu:l4:3/' /etc/slurm/slurm.conf
        printf 'NodeName=gpu1 Name=gpu Type=h100 File=/dev/nvidia[0-7]\nNodeName=gpu2 Name=gpu Type=l4 File=/dev/nvidia[0-2]\n' > /etc/slurm/gres.conf"
done
systemctl restart slurmctld
ssh gpu2 systemctl restart slurmd
for _ in {1..100}; do
    case $(scontrol --oneliner show node gpu2) in *INVALID_REG*|*UNKNOWN*) sleep 0.2 ;; *) break ;; esac
done
scontrol update nodename=gpu2 state=resume
