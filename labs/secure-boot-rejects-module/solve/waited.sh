while [ "$SECONDS" -lt 95 ] && [ "$(systemctl is-active mend || true)" = activating ]; do
    sleep 1
done
[ "$(systemctl is-active mend || true)" = inactive ] || { journalctl -u mend -n 20 -o cat; exit 1; }
sync
