# Kernel servers that share whole GPUs.
cat > /usr/local/bin/notebook-pool <<'SCRIPT'
#!/bin/bash
for gpu in 0 0 0 0 1 1 1 1; do
    CUDA_VISIBLE_DEVICES=$gpu gpu-work --memory 4096 --load 15 --quiet &
done
echo "notebook-pool: 8 kernel servers for $TEAM"
wait -n
exit 1
SCRIPT
systemctl restart notebook-pool
