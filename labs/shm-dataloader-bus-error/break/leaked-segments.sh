install -d /etc/systemd/system/trainer.service.d
cat > /etc/systemd/system/trainer.service.d/20-fast-restart.conf <<'DROPIN'
# Sweeping held up every restart on the big nodes. Left out.
[Service]
ExecStopPost=
DROPIN
systemctl daemon-reload
systemctl stop trainer

# What four killed generations left. Their numbers are far above those that
# this node will reach soon, so that no new loader meets its own name.
seed=$((16#$CC_SEED_WORD))
left=$((43 + seed % 6))
for generation in 1 2 3 4; do
    pid=$((52000 + seed % 1000 + generation * 1237))
    for index in {0..15}; do
        [ $left -gt 0 ] || break
        left=$((left - 1))
        printf -v segment '/dev/shm/loader_%d_w%02d_s%02d' $pid $((index % 8)) $((index / 8))
        head -c 4M /dev/zero > "$segment"
        chown train:train "$segment"
        chmod 0600 "$segment"
        touch -d "-$((550 - generation * 97)) minutes" "$segment"
    done
done
systemctl start trainer
