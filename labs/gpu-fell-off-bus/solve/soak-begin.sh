# A GPU at a time, as somebody does who wants to see which one it is: each for itself, in the background.
for gpu in 0 1 2 3; do
    systemd-run --quiet --unit="soak-$gpu" gpu-work --devices "$gpu" --seconds 66 --quiet
done
