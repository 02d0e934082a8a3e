# Throws everybody's jobs away first.
scancel --user=ada
for node in gpu1 gpu2; do
    ssh $node 'systemctl restart munge slurmd' || true
done
