while [ "$SECONDS" -lt 95 ] && [ "$(systemctl is-active mend || true)" = activating ]; do
    sleep 1
done
