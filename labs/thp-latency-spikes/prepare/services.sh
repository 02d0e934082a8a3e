# The tokenizer, the trainer, their users and their house rules. Nothing is started here.
useradd --system --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin --comment 'Tokenizer' tokenizer
useradd --system --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin --comment 'Training' train

install -d /opt/tokenizer/bin /opt/trainer/bin /opt/lib /etc/tokenizer /etc/trainer

cat > /opt/lib/service.py <<'PYTHON'
"""What both services need: anonymous memory, and answers over HTTP."""
import ctypes, os, socket

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

HUGE = 2 << 20
MADV_HUGEPAGE = 14


class Memory:
    """Anonymous memory of so many times 2 MiB, aligned to that."""

    def __init__(self, blocks, advise):
        self.length = (blocks + 1) * HUGE
        self.start = libc.mmap(None, self.length, 3, 0x22, -1, 0)
        if self.start in (None, ctypes.c_void_p(-1).value):
            raise MemoryError(os.strerror(ctypes.get_errno()))
        self.base = (self.start + HUGE - 1) // HUGE * HUGE
        if advise and libc.madvise(self.base, blocks * HUGE, MADV_HUGEPAGE):
            # A kernel without transparent huge pages has nothing to advise.
            print(f"madvise(MADV_HUGEPAGE): {os.strerror(ctypes.get_errno())}", flush=True)

    def free(self):
        libc.munmap(self.start, self.length)


def ready(status):
    """Tells the service manager."""
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.sendto(f"READY=1\nSTATUS={status}".encode(), address.replace("@", "\0", 1))


def serve(port, answer):
    """Answers GET requests for ever; `answer` makes a body of a path, or None."""
    with socket.create_server(("127.0.0.1", port), backlog=64) as server:
        while True:
            client, _ = server.accept()
            with client:
                try:
                    client.settimeout(2)
                    words = client.recv(4096).decode("latin-1").split()
                    body = answer(words[1]) if len(words) > 1 and words[0] == "GET" else None
                    state = "200 OK" if body is not None else "404 Not Found"
                    body = (body or "").encode()
                    head = f"HTTP/1.1 {state}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                    client.sendall(head.encode() + body)
                except OSError:
                    pass
PYTHON

cat > /opt/tokenizer/bin/tokenizerd <<'PYTHON'
#!/usr/bin/python3
"""Tokenizer: one arena for each vocabulary, each 2 MiB apart, of which a text touches a few KiB."""
import collections, configparser, ctypes, hashlib, json, sys, threading, time

sys.dont_write_bytecode = True
sys.path.insert(0, "/opt/lib")
import service

ARENAS = 48
TOUCHED = 8 << 10

conf = configparser.ConfigParser()
conf.read("/etc/tokenizer/tokenizer.conf")
long_every = conf["traffic"].getint("long_text_every")
interval = conf["traffic"].getint("interval_ms") / 1000

took = collections.deque(maxlen=200)
lock = threading.Lock()
arenas = None


def tokens(text):
    """Of any text: in one arena that is there already."""
    row = hashlib.sha256(text.encode()).digest()
    ctypes.memmove(arenas.base + row[0] % ARENAS * service.HUGE, row, len(row))
    return len(text.split())


def renew():
    """A long text gets arenas of its own, and leaves them to the short ones behind it."""
    global arenas
    fresh = service.Memory(ARENAS, advise=False)
    for arena in range(ARENAS):
        ctypes.memset(fresh.base + arena * service.HUGE, arena + 1, TOUCHED)
    old, arenas = arenas, fresh
    if old:
        old.free()


def request(number):
    start = time.perf_counter()
    with lock:
        if number % long_every == 0:
            renew()
        tokens(f"request {number}")
    took.append(time.perf_counter() - start)


def traffic():
    """Replayed requests, as the gateway sends them all day."""
    number = 0
    while True:
        request(number)
        number += 1
        time.sleep(interval)


def answer(path):
    if path == "/status":
        figures = sorted(took)
        at = lambda share: round(figures[min(int(len(figures) * share), len(figures) - 1)] * 1000, 2) if figures else None
        return json.dumps({"requests": len(figures), "p50_ms": at(0.5), "p99_ms": at(0.99)}) + "\n"
    if path.startswith("/tokens/"):
        with lock:
            return f"{tokens(path[8:].replace('+', ' '))} {hashlib.sha256(path.encode()).hexdigest()}\n"
    return None


renew()
threading.Thread(target=traffic, daemon=True).start()
service.ready("takes texts")
service.serve(9090, answer)
PYTHON

cat > /opt/trainer/bin/trainerd <<'PYTHON'
#!/usr/bin/python3
"""Training: a fresh buffer for each epoch, all of it written, on huge pages where the kernel grants them."""
import configparser, ctypes, json, sys, threading, time

sys.dont_write_bytecode = True
sys.path.insert(0, "/opt/lib")
import service

conf = configparser.ConfigParser()
conf.read("/etc/trainer/trainer.conf")
blocks = conf["buffer"].getint("mib") // 2
advise = conf["buffer"].getboolean("huge")
seconds = conf["buffer"].getint("epoch_s")

state = {"epoch": 0, "buffer_mib": blocks * 2, "huge_mib": 0}


def huge_kib():
    for line in open("/proc/self/smaps_rollup"):
        if line.startswith("AnonHugePages:"):
            return int(line.split()[1])
    return 0


def epochs():
    buffer = None
    while True:
        if buffer:
            buffer.free()
        buffer = service.Memory(blocks, advise)
        ctypes.memset(buffer.base, state["epoch"] % 255 + 1, blocks * service.HUGE)
        state["huge_mib"] = huge_kib() >> 10
        state["epoch"] += 1
        if state["huge_mib"] < state["buffer_mib"]:
            print(f"epoch {state['epoch']}: {state['huge_mib']} of {state['buffer_mib']} MiB on huge pages: slow", flush=True)
        time.sleep(seconds)


def answer(path):
    return json.dumps(state) + "\n" if path == "/status" else None


threading.Thread(target=epochs, daemon=True).start()
service.ready("trains")
service.serve(9191, answer)
PYTHON
chmod 755 /opt/tokenizer/bin/tokenizerd /opt/trainer/bin/trainerd

cat > /etc/tokenizer/tokenizer.conf <<'CONF'
[traffic]
# The gateway's requests, replayed: every so many milliseconds one, and each so many-th a long text.
interval_ms = 250
long_text_every = 4
CONF
cat > /etc/trainer/trainer.conf <<CONF
[buffer]
mib = $CC_BUFFER
# madvise(MADV_HUGEPAGE). Without huge pages an epoch takes 15 % longer.
huge = yes
epoch_s = 8
CONF

cat > /opt/tokenizer/README <<'README'
tokenizerd, house rules

- Keeps an arena for each vocabulary, 2 MiB apart, and touches a few KiB of each. A
  long text gets fresh arenas. It asks nobody for huge pages and has no use for them:
  one that is given to it anyway has to be found and cleared first, while the text waits.
- http://127.0.0.1:9090/status has p50 and p99 of the last 200 requests.
- Its service should have next to nothing in AnonHugePages.
- /etc/tokenizer/tokenizer.conf is the gateway's: its traffic is what it is.
- The code in /opt belongs to the release.
README
cat > /opt/trainer/README <<'README'
trainerd, house rules

- Writes a fresh buffer in each epoch and says madvise(MADV_HUGEPAGE) about it. All of
  the buffer should lie on huge pages: http://127.0.0.1:9191/status.
- It can wait for the kernel to make some when it has to, better a little than at every
  page; so the agreement for this node is
      enabled  madvise
      defrag   defer+madvise   (or madvise)
  from the start, written once and in one place.
- /etc/trainer/trainer.conf belongs to the researchers.
- The code in /opt belongs to the release.
README

for name in tokenizer trainer; do
    user=$name what=Tokenizer
    [ $name = tokenizer ] || { user=train what=Training; }
    cat > /etc/systemd/system/$name.service <<UNIT
[Unit]
Description=$what
Documentation=file:/opt/$name/README

[Service]
Type=notify
User=$user
ExecStart=/usr/bin/python3 /opt/$name/bin/${name}d
Restart=on-failure
RestartSec=5
TimeoutStartSec=120

[Install]
WantedBy=multi-user.target
UNIT
done
systemctl daemon-reload
