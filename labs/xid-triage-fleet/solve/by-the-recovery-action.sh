# Lets the boards say what they want, whatever the night was.
for node in gpu1 gpu2 gpu3; do
    out=
    gpus=$(ssh -n $node 'n=0; for gpu in /sys/bus/pci/devices/*; do
        [ "$(cat "$gpu/class")" != 0x030200 ] || echo $((n++)) "$(basename "$gpu" .0)"; done')
    while read -r gpu bus; do
        # What does not answer at all is for hands.
        if ! state=$(ssh -n $node nvidia-smi -q -i "$gpu"); then
            out="$bus Xid 79"
            continue
        fi
        case $state in
            *'Remapping Failure Occurred        : Yes'*)
                out="$bus Xid 64" ;;
            *'Recovery Action                   : None'*) ;;
            *)
                pids=$(ssh -n $node nvidia-smi -i "$gpu" --query-compute-apps=pid --format=csv,noheader)
                [ -z "$pids" ] || ssh -n $node "kill $pids; sleep 1"
                ssh -n $node nvidia-smi -r -i "$gpu" ;;
        esac
    done <<< "$gpus"
    if [ "$out" ]; then
        scontrol update nodename=$node reason="$out"
    else
        scontrol update nodename=$node state=undrain
    fi
done

# Ended and handed in again, rather than requeued.
job=$(squeue --noheader --name=finetune --format=%i)
node=$(squeue --noheader --name=finetune --format=%N)
scancel "$job"
runuser -u carol -- sbatch --quiet --job-name=finetune --gres=gpu:2 --chdir=/home/carol --output='%x-%j.out' \
    --nodelist="$node" --wrap='exec train'
