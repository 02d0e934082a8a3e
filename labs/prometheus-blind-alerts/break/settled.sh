# Prometheus has seen both nodes since the night's Xids, and said what it had to say.
for _ in {1..300}; do
    seen=$(curl --silent --get --data-urlencode 'query=count(up == 1)' http://localhost:9090/api/v1/query || true)
    case $seen in *'"2"'*) break ;; esac
    sleep 0.1
done
case $seen in *'"2"'*) ;; *) echo "Prometheus sees no two nodes: $seen" >&2; exit 1 ;; esac
