# By the book: nobody is sent to a node whose daemon is being restarted.
for node in gpu1 gpu2; do
    scontrol update nodename=$node state=drain reason='slurmd is restarted'
    ssh $node 'systemctl stop slurmd; systemctl start slurmd'
    scontrol update nodename=$node state=resume
done
