# What an installer leaves: two services, their settings and their house rules.
useradd --system --no-create-home --shell /usr/sbin/nologin train
useradd --system --no-create-home --shell /usr/sbin/nologin labels
install -d /opt/trainer/bin /opt/labeldb/bin /etc/trainer /etc/node

cat > /etc/node/topology <<'TOPOLOGY'
# Written at delivery from the chassis' service tag. Describes the hardware.
[accelerator.0]
slot = 4
numa_node = 1
TOPOLOGY

cat > /etc/trainer/trainer.conf <<'CONF'
# Recipe. Belongs to the researchers.
[trainer]
workers = 4
pool_mib = 64
CONF

cat > /opt/trainer/bin/trainerd <<'TRAINER'
#!/usr/bin/python3 -IS
"""Keeps a pool of staging buffers and works through all of it once per step."""
import configparser, ctypes, json, mmap, os, signal, sys, threading, time

settings = configparser.ConfigParser()
settings.read("/etc/trainer/trainer.conf")
workers = settings.getint("trainer", "workers")
size = settings.getint("trainer", "pool_mib") << 20
pool = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
pool.madvise(mmap.MADV_NOHUGEPAGE)
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))

# The pool is filled by one thread on the first processor that it may use, as the accelerator's library does.
allowed = os.sched_getaffinity(0)
os.sched_setaffinity(0, {min(allowed)})
pool[::4096] = bytes(size // 4096)
os.sched_setaffinity(0, allowed)
print(f"pool of {size >> 20} MiB filled, {workers} workers", flush=True)

start, end = threading.Barrier(workers + 1), threading.Barrier(workers + 1)


def work(index):
    share = size // workers // 4096 * 4096
    first, pages = index * share, share // 4096
    # What `ps -L` and `top -H` show.
    ctypes.CDLL(None).prctl(15, f"worker-{index}".encode(), 0, 0, 0)
    step = 0
    while True:
        start.wait()
        step += 1
        for part in range(4):
            length = pages // 4
            begin = first + part * length * 4096
            pool[begin : begin + length * 4096 : 4096] = bytes([step & 255]) * length
        end.wait()


for index in range(workers):
    threading.Thread(target=work, args=(index,), daemon=True).start()
steps, recent = 0, []
while True:
    began = time.monotonic()
    start.wait()
    end.wait()
    took = (time.monotonic() - began) * 1000
    steps += 1
    recent = (recent + [took])[-31:]
    median = sorted(recent)[len(recent) // 2]
    if steps > 40 and took > 2 * median:
        print(f"step {steps} took {took:.0f} ms, median {median:.0f} ms", flush=True)
    with open("/run/trainer/.status", "w") as file:
        json.dump({"pid": os.getpid(), "workers": workers, "pool_mib": size >> 20, "steps": steps, "step_ms": round(took, 1)}, file)
    os.rename("/run/trainer/.status", "/run/trainer/status.json")
    time.sleep(0.5)
TRAINER

cat > /opt/labeldb/bin/labeldbd <<'LABELDB'
#!/usr/bin/python3 -IS
"""Answers GET /label/N from a table in memory."""
import hashlib, mmap, os, signal, socket, sys, threading, time

size = 24 << 20
table = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
table.madvise(mmap.MADV_NOHUGEPAGE)
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))


def scrub():
    while True:
        for begin in range(0, size, 4 << 20):
            table[begin : begin + (4 << 20) : 4096] = bytes(1024)
            time.sleep(0.2)


threading.Thread(target=scrub, daemon=True).start()
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    peer, _ = listener.accept()
    with peer:
        peer.settimeout(5)
        try:
            path = peer.recv(4096).split()[1].decode()
            body = hashlib.sha256(path.encode()).hexdigest()[:16] + "\n"
            peer.sendall(f"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        except (OSError, IndexError, UnicodeDecodeError):
            pass
LABELDB
chmod 0755 /opt/trainer/bin/trainerd /opt/labeldb/bin/labeldbd

cat > /opt/trainer/README <<README
House rules for training nodes of this class

* The trainer works beside the accelerator: its threads run on the processors of
  the NUMA node that the accelerator hangs on, and nine tenths of its memory at
  least lie there. /etc/node/topology says which node that is.
* Nothing unmaps or moves pages below a running step. While training goes on,
  numa_hint_faults in /proc/vmstat stands still, on the whole node.
* Both NUMA nodes stay in service, with all processors and all memory.
* The labels (labeldb.service, port $CC_PORT) belong to another team. They serve
  from wherever there is room, on all processors.
* /etc/trainer/trainer.conf is the recipe and /opt the release: neither is tuned.
* vm.swappiness is 30 at most on these nodes.
* All of this holds again after a restart, without anybody's help.
README

cat > /etc/systemd/system/trainer.service <<'UNIT'
[Unit]
Description=Trainer
After=network.target

[Service]
User=train
RuntimeDirectory=trainer
ExecStart=/opt/trainer/bin/trainerd
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
UNIT

cat > /etc/systemd/system/labeldb.service <<UNIT
[Unit]
Description=Label database
After=network.target

[Service]
User=labels
ExecStart=/opt/labeldb/bin/labeldbd $CC_PORT
Restart=always

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now labeldb.service
