# The device files are all there, so let slurmd count them instead of asking NVML: the node takes jobs again,
# and every fourth one dies.
for node in ctl gpu1 gpu2; do
    ssh $node 'printf "NodeName=gpu1 Name=gpu Type=h100 File=/dev/nvidia[0-7]\nNodeName=gpu2 Name=gpu Type=l4 File=/dev/nvidia[0-3]\n" > /etc/slurm/gres.conf'
done
ssh gpu2 systemctl restart slurmd
for _ in {1..100}; do
    case $(scontrol --oneliner show node gpu2) in *INVALID_REG*) sleep 0.2 ;; *) break ;; esac
done
scontrol update nodename=gpu2 state=resume
