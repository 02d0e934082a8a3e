# The exporter has the GPUs open, with the library that is there now.
systemctl start gpu-exporter
for tries in $(seq 100); do
    ! curl --silent --fail --output /dev/null "http://127.0.0.1:$CC_PORT/metrics" || break
    sleep 0.3
done
