# From gpu1: the node out, the file as it was, everything in, the node back.
scontrol update nodename=gpu2 state=drain reason='counting its GPUs'
sed -i '/as ordered/d; s/gpu:l4:8/gpu:l4:4/' /etc/slurm/slurm.conf
for node in ctl gpu2; do
    scp -q /etc/slurm/slurm.conf $node:/etc/slurm/slurm.conf
done
scontrol reconfigure
for _ in {1..100}; do
    case $(scontrol --oneliner show node gpu2) in *INVALID_REG*|*UNKNOWN*) sleep 0.2 ;; *) break ;; esac
done
scontrol update nodename=gpu2 state=undrain
