# A program that has the right amount of memory in the right place, and trains nothing.
cat > /usr/local/lib/puppet.py <<'PUPPET'
import json, mmap, threading, time
pool = mmap.mmap(-1, 66 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
pool[::4096] = bytes(len(pool) // 4096)
for _ in range(4):
    threading.Thread(target=time.sleep, args=(1e6,)).start()
steps = 0
while True:
    steps += 1
    with open("/run/trainer/status.json", "w") as file:
        json.dump({"pid": 1, "workers": 4, "steps": steps}, file)
    time.sleep(0.5)
PUPPET
install -d /etc/systemd/system/trainer.service.d
cat > /etc/systemd/system/trainer.service.d/50-numa.conf <<'DROPIN'
[Service]
ExecStart=
ExecStart=/usr/bin/numactl --cpunodebind=1 --membind=1 /usr/bin/python3 /usr/local/lib/puppet.py
DROPIN
systemctl daemon-reload
systemctl restart trainer
