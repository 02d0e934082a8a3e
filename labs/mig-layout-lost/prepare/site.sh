# The site as it is on every node of this kind: users, the training job, the
# notebook pool and the canary. What makes the slices comes with the variant.
useradd --system --shell /usr/sbin/nologin --home-dir /nonexistent notebooks
useradd --system --shell /usr/sbin/nologin --home-dir /nonexistent canary
units=/usr/local/lib/systemd/system
install -d $units

cat > /usr/local/bin/pretrain <<'SCRIPT'
#!/bin/bash
# Trains on GPUs 2 to 7. By UUID: CUDA counts whole GPUs only, so numbers move
# when a GPU before them is cut.
CUDA_VISIBLE_DEVICES=$(nvidia-smi --id=2,3,4,5,6,7 --query-gpu=uuid --format=csv,noheader | paste -sd,)
export CUDA_VISIBLE_DEVICES
exec gpu-work --gpus 6 --memory 61440 --collective --nvlink 20 --every 60
SCRIPT
cat > $units/pretrain.service <<'UNIT'
[Unit]
Description=Pretraining run of ada, six GPUs

[Service]
User=ada
ExecStart=/usr/local/bin/pretrain
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
UNIT

cat > /usr/local/bin/notebook-pool <<'SCRIPT'
#!/bin/bash
# One kernel server for each slice of the pool's GPUs. Looks once: a pool that
# went looking for slices while people work would give their kernels away.
memory() {
    case $1 in
        3g.40gb) echo 32768 ;;
        ?g.20gb) echo 16384 ;;
        *) echo 7168 ;;
    esac
}
wanted=0 servers=()
listed=$(nvidia-smi -L)
for gpu in $GPUS; do
    mapfile -t free < <(awk -v gpu="$gpu:" '$1 == "GPU" { here = $2 == gpu } here && $1 == "MIG" { print $2, $NF }' <<< "$listed")
    for slice in $SLICES; do
        wanted=$((wanted + 1))
        for at in "${!free[@]}"; do
            [ "${free[at]% *}" = "$slice" ] || continue
            uuid=${free[at]#* }
            servers+=("${uuid%)} $(memory "$slice")")
            unset "free[at]"
            break
        done
    done
done
if [ ${#servers[@]} -ne $wanted ]; then
    echo "notebook-pool: $wanted slices wanted on GPUs $GPUS, ${#servers[@]} found" >&2
    exit 1
fi
for server in "${servers[@]}"; do
    CUDA_VISIBLE_DEVICES=${server% *} gpu-work --memory "${server#* }" --load 15 --quiet &
done
echo "notebook-pool: $wanted kernel servers for $TEAM"
wait -n
echo "notebook-pool: a kernel server has ended" >&2
exit 1
SCRIPT
cat > /etc/default/notebook-pool <<CONF
# What the pool of this node is made of: these slices on each of these GPUs.
TEAM=$CC_TEAM
GPUS="0 1"
SLICES="3g.40gb $CC_SECOND 1g.10gb 1g.10gb"
CONF
cat > $units/notebook-pool.service <<'UNIT'
[Unit]
Description=Notebook kernels, one per slice
Wants=mig-layout.service
After=mig-layout.service

[Service]
User=notebooks
EnvironmentFile=/etc/default/notebook-pool
ExecStart=/usr/local/bin/notebook-pool

[Install]
WantedBy=multi-user.target
UNIT

cat > /usr/local/sbin/gpu-canary <<'SCRIPT'
#!/bin/bash
# Keeps a small context on each of these GPUs, or on the first slice of one that
# is cut, and says once a minute how fast it is. With --ready first: waits a
# moment for those contexts.
if [ "$1" = --ready ]; then
    shift
    for _ in {1..40}; do
        [ "$(nvidia-smi --id="$(IFS=,; echo "$*")" --query-compute-apps=gpu_uuid --format=csv,noheader | sort -u | grep -c .)" -lt $# ] || exit 0
        sleep 0.1
    done
    exit 0
fi
for gpu; do
    uuid=$(nvidia-smi -L | awk -v gpu="$gpu:" '
        $1 == "GPU" { here = $2 == gpu }
        here && ($1 == "GPU" || $1 == "MIG" && !cut) { uuid = $NF; cut = $1 == "MIG" }
        END { sub(/\)$/, "", uuid); print uuid }')
    CUDA_VISIBLE_DEVICES=$uuid gpu-work --memory 128 --load 2 --memory-load 1 --every 60 &
done
wait -n
exit 1
SCRIPT
cat > $units/gpu-canary.service <<'UNIT'
[Unit]
Description=Canary on the GPUs of the pool, for the dashboards
After=mig-layout.service

[Service]
User=canary
ExecStart=/usr/local/sbin/gpu-canary 0 1
ExecStartPost=/usr/local/sbin/gpu-canary --ready 0 1
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
UNIT

chmod 0755 /usr/local/bin/pretrain /usr/local/bin/notebook-pool /usr/local/sbin/gpu-canary
touch -d '-240 days' /usr/local/bin/* /usr/local/sbin/* $units/* /etc/default/notebook-pool
systemctl daemon-reload
systemctl enable --quiet --now pretrain

# Nobody breaks anything before the training works.
for _ in {1..200}; do
    [ "$(nvidia-smi --id=2,3,4,5,6,7 --query-compute-apps=pid --format=csv,noheader | grep -c .)" != 6 ] || exit 0
    sleep 0.05
done
echo 'the training has not begun' >&2
exit 1
