for gpu in 0 1 2 3; do
    while systemctl --quiet is-active "soak-$gpu"; do sleep 1; done
    ! systemctl --quiet is-failed "soak-$gpu"
done
