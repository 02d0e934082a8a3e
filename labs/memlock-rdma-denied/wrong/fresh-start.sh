# Everything anew, ada's job as well.
scancel --user=ada
for node in gpu1 gpu2; do
    ssh $node systemctl restart slurmd
done
