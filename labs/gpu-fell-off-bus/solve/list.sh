#: step enter the new board
{
    echo "# Which board is in which slot of this node."
    for gpu in /proc/driver/nvidia/gpus/*; do
        echo "${gpu##*/} $(sed -n 's/^GPU UUID:[[:space:]]*//p' "$gpu/information")"
    done
} > /etc/slurm/boards
