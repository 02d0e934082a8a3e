#: step what the machine has
sed -i '/NodeName=gpu2/s/gpu:l4:8/gpu:l4:4/' /etc/slurm/slurm.conf
#: step the same file everywhere
for node in gpu1 gpu2; do
    ssh $node 'cat > /etc/slurm/slurm.conf' < /etc/slurm/slurm.conf
done
#: step the daemons read it
systemctl restart slurmctld
for node in gpu1 gpu2; do
    ssh $node systemctl restart slurmd
done
#: step back into service
for _ in {1..100}; do
    case $(scontrol --oneliner show node gpu2) in *INVALID_REG*|*UNKNOWN*) sleep 0.2 ;; *) break ;; esac
done
scontrol update nodename=gpu2 state=resume
