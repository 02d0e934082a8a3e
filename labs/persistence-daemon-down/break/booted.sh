# What the node did when it was switched on, in the order of its units. What
# fails has to, and the cap has to be forgotten.
systemctl daemon-reload
systemctl start gpu-access gpu-baseline
if [ "$CC_VARIANT" = too-early ]; then
    systemctl start --no-block nvidia-persistenced
else
    systemctl start nvidia-persistenced || true
fi
systemctl start gpu-power-cap
for _ in {1..100}; do
    ! nvidia-smi --query-gpu=power.limit --format=csv,noheader | grep -q "^$CC_WATTS" || { sleep 0.1; continue; }
    exit 0
done
echo 'the cap is still there' >&2
exit 1
