#: step end-burn-in
# A burn-in that nobody waits for.
kill $(nvidia-smi --id=7 --query-compute-apps=pid --format=csv,noheader)
for _ in {1..100}; do
    [ "$(nvidia-smi --id=7 --query-compute-apps=pid --format=csv,noheader)" ] || break
    sleep 0.05
done
