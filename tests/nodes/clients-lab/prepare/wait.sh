# A client that has its handles before the fault comes, and calls with them after it.
setsid python3 /opt/clients/sweep.py 3 --when-lost > /root/held.json 2> /root/held.log &
until grep -qs waiting /root/held.log; do
    kill -0 $! || exit 1
    sleep 0.1
done
