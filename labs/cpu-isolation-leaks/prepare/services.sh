# The engine, the archive of its logs, their users and their house rules. Nothing is started here.
useradd --system --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin --comment 'Inference engine' engine
useradd --system --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin --comment 'Archive of logs' archive

install -d /opt/engine/bin /opt/archive/bin /etc/engine

cat > /opt/engine/bin/engined <<'PYTHON'
#!/usr/bin/python3
"""Inference engine: starts its workers, tells how they fare, and answers."""
import configparser, hashlib, json, os, socket, subprocess, sys, threading, time

sys.dont_write_bytecode = True

conf = configparser.ConfigParser()
conf.read("/etc/engine/engine.conf")
count = conf["workers"].getint("count")
pin = conf["workers"]["pin"]
processors = [int(word) for word in conf["workers"]["processors"].split(",")]
if pin not in ("one-each", "together", "no"):
    sys.exit(f"engine.conf: pin = {pin}: it is one-each, together, or no")


def start(number):
    """A worker on its processors, as `pin` says."""
    def place():
        if pin == "one-each":
            os.sched_setaffinity(0, {processors[number % len(processors)]})
        elif pin == "together":
            os.sched_setaffinity(0, processors)
    argv = ["/usr/bin/python3", "-IS", "/opt/engine/bin/worker", str(number)]
    return subprocess.Popen(argv, preexec_fn=place)


def figures(worker):
    """Nanoseconds that it ran and that it waited for a processor, and where it ran last."""
    ran, waited, _ = open(f"/proc/{worker.pid}/schedstat").read().split()
    return int(ran), int(waited), int(open(f"/proc/{worker.pid}/stat").read().rpartition(")")[2].split()[36])


def watch():
    """The last five seconds, for /status."""
    global status
    before = [figures(worker) for worker in workers]
    while True:
        time.sleep(5)
        now = [figures(worker) for worker in workers]
        rows = [
            {"worker": n, "processor": new[2], "ran_ms": (new[0] - old[0]) // 10**6, "waited_ms": (new[1] - old[1]) // 10**6}
            for n, (old, new) in enumerate(zip(before, now))
        ]
        before, status = now, json.dumps(rows)


def guard():
    """Without one of its workers there is no engine."""
    os.waitpid(-1, 0)
    os._exit(1)


workers = [start(number) for number in range(count)]
status = "[]"
time.sleep(1)
threading.Thread(target=watch, daemon=True).start()
threading.Thread(target=guard, daemon=True).start()
with socket.create_server(("127.0.0.1", 8081), backlog=64) as server:
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.sendto(b"READY=1", address.replace("@", "\0", 1))
    while True:
        client, _ = server.accept()
        with client:
            try:
                client.settimeout(2)
                words = client.recv(4096).decode("latin-1").split()
                path = words[1] if len(words) > 1 and words[0] == "GET" else ""
                body = status if path == "/status" else hashlib.sha256(path.encode()).hexdigest()
                state = "200 OK" if path == "/status" or path.startswith("/answer/") else "404 Not Found"
                body = (body + "\n").encode()
                head = f"HTTP/1.1 {state}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                client.sendall(head.encode() + body)
            except OSError:
                pass
PYTHON

cat > /opt/engine/bin/worker <<'PYTHON'
#!/usr/bin/python3
"""One worker: a turn of computing in each tick, at the same moment as its sisters."""
import configparser, time

conf = configparser.ConfigParser()
conf.read("/etc/engine/engine.conf")
tick = conf["turns"].getint("tick_ms") / 1000
burst = conf["turns"].getint("burst_ms") / 1000
vector = [0.5 + n / 64 for n in range(64)]
while True:
    time.sleep(tick - time.monotonic() % tick)
    until = time.thread_time() + burst
    while time.thread_time() < until:
        sum(x * x for x in vector)
PYTHON

cat > /opt/archive/bin/archived <<'PYTHON'
#!/usr/bin/python3
"""Archive of the engine's logs: packs a piece, rests, packs the next one."""
import json, os, time, zlib

piece = os.urandom(32 << 10) * 2
rounds = 0
while True:
    until = time.thread_time() + 0.02
    while time.thread_time() < until:
        zlib.compress(piece, 6)
    rounds += 1
    with open("/run/archived/status.new", "w") as file:
        json.dump({"rounds": rounds}, file)
    os.rename("/run/archived/status.new", "/run/archived/status.json")
    time.sleep(0.18)
PYTHON
chmod 755 /opt/engine/bin/engined /opt/engine/bin/worker /opt/archive/bin/archived

cat > /etc/engine/engine.conf <<CONF
[workers]
count = 2
processors = 2,3
# one-each: a processor for each worker. together: all processors for each. no: wherever the engine is.
pin = one-each

[turns]
# In each tick a worker computes for so long, all workers at the same moment.
tick_ms = 100
burst_ms = $CC_BURST
CONF

cat > /opt/engine/README <<'README'
engined, house rules

- Processors 2 and 3 are isolated for the engine: those two, not more. Which way is up to
  the platform team, as long as it holds from the start:
    boot line   isolcpus=domain,managed_irq,2-3 nohz_full=2-3 irqaffinity=0-1
    cpuset      engine.slice is an isolated partition (/usr/local/sbin/engine-cores);
                then the tick goes on, and that is agreed.
- One worker on each of them. A worker that waits for a processor is a late answer:
  http://127.0.0.1:8081/status, waited_ms, is next to nothing when all is well.
- Nobody else works there: no service, no unbound work of the kernel, no new
  interrupts. /etc/default/kernel-work has the masks, kernel-work.service applies them.
- Workers are ordinary tasks. Real-time priorities have cost us a machine once.
- [turns] and the number of workers in /etc/engine/engine.conf are the engine's people's. How
  workers are pinned is the platform team's.
- archived packs the engine's logs all day long. It is needed, and it is not the engine.
- The code in /opt belongs to the release.
README

cat > /usr/local/sbin/engine-cores <<'SH'
#!/bin/sh
# Makes the engine's slice a partition of its own, and tells what the kernel made of it.
cd /sys/fs/cgroup/engine.slice || exit
echo isolated > cpuset.cpus.partition
echo "engine.slice, processors $(cat cpuset.cpus): $(cat cpuset.cpus.partition)"
SH
cat > /usr/local/sbin/kernel-work <<'SH'
#!/bin/sh
# Where the kernel's own work may run: unbound work queues, and interrupts that come up from now on.
set -e
echo "$WORKQUEUES" > /sys/devices/virtual/workqueue/cpumask
echo "$INTERRUPTS" > /proc/irq/default_smp_affinity
SH
chmod 755 /usr/local/sbin/engine-cores /usr/local/sbin/kernel-work
cat > /etc/default/kernel-work <<'CONF'
# Masks of processors, hexadecimal: 3 is 0-1, c is 2-3, f is all four.
WORKQUEUES=3
INTERRUPTS=3
CONF

cat > /etc/systemd/system/kernel-work.service <<'UNIT'
[Unit]
Description=Places the kernel's own work
Documentation=file:/opt/engine/README
After=engine.service

[Service]
Type=oneshot
RemainAfterExit=yes
EnvironmentFile=/etc/default/kernel-work
ExecStart=/usr/local/sbin/kernel-work

[Install]
WantedBy=multi-user.target
UNIT
cat > /etc/systemd/system/engine.service <<'UNIT'
[Unit]
Description=Inference engine
Documentation=file:/opt/engine/README

[Service]
Type=notify
User=engine
CPUAffinity=2-3
ExecStart=/usr/bin/python3 -IS /opt/engine/bin/engined
Restart=on-failure
RestartSec=5
TimeoutStartSec=120

[Install]
WantedBy=multi-user.target
UNIT
cat > /etc/systemd/system/archived.service <<'UNIT'
[Unit]
Description=Archive of the engine's logs

[Service]
User=archive
RuntimeDirectory=archived
Nice=5
ExecStart=/usr/bin/python3 -IS /opt/archive/bin/archived
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
UNIT
