for n in 0 1; do
    taskset -cp $((n + 2)) "$(pgrep -f "/opt/engine/bin/worker $n")"
done
