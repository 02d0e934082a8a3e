# The inference server, its neighbour, their users and their house rules. Nothing is started here.
groupadd --system infer
useradd --system --gid infer --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin --comment 'Inference server' infer
useradd --system --gid nogroup --groups infer --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin --comment 'Warms up the next model' relay
useradd --system --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin --comment 'Feature cache' featured

install -d /opt/inferd/bin /opt/featured/bin /opt/lib /etc/inferd /srv/inferd/pool

cat > /opt/lib/service.py <<'PYTHON'
"""What both services need: memory by NUMA node, and answers over HTTP."""
import ctypes, os, socket

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
for name in ("mlock", "munlock", "munmap"):
    getattr(libc, name).argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

PROT_READ_WRITE = 3
MAP_SHARED, MAP_PRIVATE, MAP_ANONYMOUS, MAP_POPULATE = 0x01, 0x02, 0x20, 0x8000
MADV_DONTNEED, MADV_NOHUGEPAGE = 4, 15
MPOL_DEFAULT, MPOL_BIND = 0, 2
SYS_set_mempolicy = 238


def nodes():
    """NUMA nodes that are online."""
    found = []
    for part in open("/sys/devices/system/node/online").read().split(","):
        first, _, last = part.strip().partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def bind_to(node):
    """Memory taken from here on comes from this node; from any with None."""
    if node is None:
        result = libc.syscall(SYS_set_mempolicy, MPOL_DEFAULT, None, 0)
    else:
        mask = ctypes.c_ulong(1 << node)
        result = libc.syscall(SYS_set_mempolicy, MPOL_BIND, ctypes.byref(mask), 64)
    if result:
        fail("set_mempolicy")


def mapped(length, flags, fd=-1):
    """Address of a new mapping; OSError where there is none."""
    address = libc.mmap(None, length, PROT_READ_WRITE, flags, fd, 0)
    if address in (None, ctypes.c_void_p(-1).value):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return address


def fail(what):
    number = ctypes.get_errno()
    raise OSError(number, f"{what}: {os.strerror(number)}")


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

cat > /opt/inferd/bin/inferd <<'PYTHON'
#!/usr/bin/python3
"""Inference server: embedding tables on huge pages, the same number on every NUMA node."""
import configparser, ctypes, hashlib, json, os, sys

sys.dont_write_bytecode = True
sys.path.insert(0, "/opt/lib")
import service

PAGE = 2 << 20
HUGETLBFS = 0x958458F6


class Statfs(ctypes.Structure):
    _fields_ = [("type", ctypes.c_long), ("rest", ctypes.c_byte * 240)]


def kind_of(directory):
    answer = Statfs()
    if service.libc.statfs(directory.encode(), ctypes.byref(answer)):
        service.fail(directory)
    return answer.type & 0xFFFFFFFF


def table(directory, name, node, pages, ordinary):
    """A table of so many pages, all of them on one node."""
    service.bind_to(node)
    if ordinary:
        address = service.mapped(pages * PAGE, service.MAP_PRIVATE | service.MAP_ANONYMOUS | service.MAP_POPULATE)
    else:
        path = f"{directory}/{name}-{os.getpid()}-node{node}"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o660)
        try:
            os.ftruncate(fd, pages * PAGE)
            address = service.mapped(pages * PAGE, service.MAP_SHARED | service.MAP_POPULATE, fd)
        finally:
            os.unlink(path)
            os.close(fd)
    service.bind_to(None)
    for page in range(pages):
        row = hashlib.sha256(f"{name} {node} {page}".encode()).digest()
        ctypes.memmove(address + page * PAGE, row, len(row))
    return address


def main():
    conf = configparser.ConfigParser()
    conf.read("/etc/inferd/inferd.conf")
    name = conf["model"]["name"]
    pages = conf["memory"].getint("pages_per_node")
    directory = conf["memory"]["directory"]
    ordinary = conf["memory"].getboolean("ordinary_pages", False)
    tables = {}
    for node in service.nodes():
        try:
            if not ordinary and kind_of(directory) != HUGETLBFS:
                sys.exit(f"inferd: {directory}: not a file system of huge pages")
            tables[node] = table(directory, name, node, pages, ordinary)
        except OSError as error:
            what = error.filename or f"mmap(MAP_HUGETLB): {pages} pages on node {node}"
            sys.exit(f"inferd: {what}: {error.strerror}")
    print(f"inferd: {name}: {pages} {'ordinary' if ordinary else 'huge'} pages on each of {len(tables)} nodes", flush=True)

    def answer(path):
        if path == "/status":
            memory = "ordinary pages" if ordinary else "huge pages"
            return json.dumps({"model": name, "pages_per_node": pages, "nodes": len(tables), "memory": memory}) + "\n"
        if path.startswith("/embed/"):
            rows = []
            for index, byte in enumerate(hashlib.sha256(path[7:].encode()).digest()):
                base = tables[sorted(tables)[index % len(tables)]]
                rows.append(ctypes.string_at(base + (byte % pages) * PAGE, 32))
            return hashlib.sha256(b"".join(rows)).hexdigest() + "\n"
        return None

    service.ready(f"{pages} pages on each node")
    service.serve(8080, answer)


main()
PYTHON

cat > /opt/featured/bin/featured <<'PYTHON'
#!/usr/bin/python3
"""Feature cache: sizes itself by what each NUMA node has free when it starts, and locks what it keeps."""
import hashlib, json, os, sys

sys.dont_write_bytecode = True
sys.path.insert(0, "/opt/lib")
import service

SLAB = 64 << 10
FLOOR = 64 << 20


def free_on(node):
    for line in open(f"/sys/devices/system/node/node{node}/meminfo"):
        if "MemFree:" in line:
            return int(line.split()[3]) << 10
    return 0


def pool():
    for line in open("/proc/meminfo"):
        if line.startswith("HugePages_Total:"):
            return int(line.split()[1])
    return 0


def arena(node):
    """Takes what is free but for a floor, keeps every other slab locked and gives the ones between back."""
    length = max(free_on(node) - FLOOR, 0) // (2 * SLAB) * (2 * SLAB)
    if not length:
        return 0
    service.bind_to(node)
    base = service.mapped(length, service.MAP_PRIVATE | service.MAP_ANONYMOUS)
    service.libc.madvise(base, length, service.MADV_NOHUGEPAGE)
    if service.libc.mlock(base, length):
        service.fail("mlock")
    for offset in range(SLAB, length, 2 * SLAB):
        service.libc.munlock(base + offset, SLAB)
        service.libc.madvise(base + offset, SLAB, service.MADV_DONTNEED)
    service.bind_to(None)
    return length // 2


def main():
    stood = pool()
    kept = sum(arena(node) for node in service.nodes())
    status = json.dumps({"pid": os.getpid(), "locked_mib": kept >> 20, "huge_pages_at_start": stood}) + "\n"
    print(f"featured: {kept >> 20} MiB locked; {stood} huge pages stood in the pool before", flush=True)

    def answer(path):
        if path == "/status":
            return status
        if path.startswith("/feature/"):
            return hashlib.sha256(path.encode()).hexdigest() + "\n"
        return None

    service.ready(f"{kept >> 20} MiB locked")
    service.serve(7070, answer)


main()
PYTHON
chmod 755 /opt/inferd/bin/inferd /opt/featured/bin/featured

cat > /etc/inferd/inferd.conf <<CONF
[model]
name = $CC_MODEL

[memory]
# Huge pages of 2 MiB, on every NUMA node. The model's size: not to be changed here.
pages_per_node = $CC_PAGES
directory = /srv/inferd/pool
# For laptops: the same tables on pages of 4 KiB. Misses every deadline.
ordinary_pages = no
CONF

cat > /opt/inferd/README <<README
inferd, house rules

- The tables of $CC_MODEL need $CC_PAGES huge pages of 2 MiB on EACH NUMA node. inferd
  binds each half to its node and takes all of it when it starts, or ends.
- It maps them from files in /srv/inferd/pool, a hugetlbfs. Group infer may use
  it and nobody else: whoever can make a file there can take the pages. The
  user relay, who warms up the next model, is in that group and needs it, too.
- A few pages more than needed do not hurt. More than 96 on a node are taken from
  the neighbours.
- ordinary_pages is for laptops. pages_per_node belongs to the model.
- The code in /opt belongs to the release.
README
cat > /opt/featured/README <<'README'
featured, house rules

- Serves features to other teams, at http://127.0.0.1:7070/feature/NUMBER.
- When it starts it looks what memory each NUMA node has free, takes all but 64 MiB
  of it, keeps one half locked (the slabs in use) and gives back the slabs between
  them. It takes the less the less there is, and is content with that.
- Locked slabs must stay where they are: /etc/sysctl.d/30-featured.conf.
- It may be restarted; clients wait for a few seconds. It may not be missing.
- The code in /opt belongs to the release.
README

cat > /etc/sysctl.d/30-featured.conf <<'CONF'
# A locked slab that is being moved cannot be read meanwhile, and a request has 2 ms.
vm.compact_unevictable_allowed = 0
CONF
sysctl --quiet --load /etc/sysctl.d/30-featured.conf

cat > /etc/systemd/system/inferd.service <<'UNIT'
[Unit]
Description=Inference server
Documentation=file:/opt/inferd/README
RequiresMountsFor=/srv/inferd/pool
StartLimitIntervalSec=0

[Service]
Type=notify
User=infer
Group=infer
ExecStart=/usr/bin/python3 /opt/inferd/bin/inferd
Restart=on-failure
RestartSec=10
TimeoutStartSec=120

[Install]
WantedBy=multi-user.target
UNIT
cat > /etc/systemd/system/featured.service <<'UNIT'
[Unit]
Description=Feature cache
Documentation=file:/opt/featured/README

[Service]
Type=notify
User=featured
LimitMEMLOCK=infinity
ExecStart=/usr/bin/python3 /opt/featured/bin/featured
Restart=on-failure
TimeoutStartSec=120

[Install]
WantedBy=multi-user.target
UNIT

# Open to all since somebody looked for the fault in its permissions.
cat >> /etc/fstab <<'FSTAB'
hugetlbfs /srv/inferd/pool hugetlbfs mode=1777,pagesize=2M 0 0
FSTAB
systemctl daemon-reload
mount /srv/inferd/pool
