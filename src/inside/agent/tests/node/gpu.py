"""A client of the node's GPUs, as libnvidia-ml is one: connects, maps the pages, puts commands.

Called with words: `read` prints the layout, the count of GPUs and whether the page is one; `attack` prints every way of
writing the pages that worked; `command UID VERB GPU ARGUMENT…` prints status and values; `hold GPU`
opens a context and keeps it; `fork GPU` does and leaves the connection to a child.
"""

import array, ctypes, fcntl, mmap, os, socket, struct, sys, time


def connect():
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.connect(b"\0crashcart-gpu")
    data, extra, _, _ = client.recvmsg(64, socket.CMSG_SPACE(4))
    fds = array.array("i")
    for level, kind, bytes_ in extra:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(bytes_[:4])
    magic, layout, gpus = struct.unpack("=QII", data)
    assert magic.to_bytes(8, "little")[:5] == b"CCGPU", hex(magic)
    return client, fds[0], layout, gpus


def command(client, verb, gpu, *arguments):
    arguments = list(arguments) + [0] * (6 - len(arguments))
    client.send(struct.pack("=II6Q", verb, gpu, *arguments))
    status, _, *values = struct.unpack("=II4Q", client.recv(64))
    return status, values


def attack(fd):
    size = os.fstat(fd).st_size

    def tries(name, action):
        try:
            action()
            print(name, "worked")
        except (OSError, PermissionError, ValueError):
            pass

    again = os.open(f"/proc/self/fd/{fd}", os.O_RDWR)
    for name, file in (("given", fd), ("opened anew", again)):
        tries(f"{name}: write", lambda: os.pwrite(file, b"x", 0))
        tries(f"{name}: shared mapping", lambda: mmap.mmap(file, size, mmap.MAP_SHARED, mmap.PROT_WRITE | mmap.PROT_READ))
        tries(f"{name}: truncate", lambda: os.ftruncate(file, 0))
        tries(f"{name}: grow", lambda: os.ftruncate(file, size * 2))
        tries(f"{name}: fallocate", lambda: os.posix_fallocate(file, size, 4096))
        libc = ctypes.CDLL(None, use_errno=True)

        def punch():
            if libc.fallocate(file, 3, ctypes.c_long(0), ctypes.c_long(4096)) != 0:
                raise OSError(ctypes.get_errno(), "fallocate")

        tries(f"{name}: punch a hole", punch)
        # F_ADD_SEALS, F_SEAL_WRITE
        tries(f"{name}: seal", lambda: fcntl.fcntl(file, 1033, 8))

        def upgrade():
            mapping = mmap.mmap(file, size, mmap.MAP_SHARED, mmap.PROT_READ)
            start = int([line for line in open("/proc/self/maps") if "crashcart-gpu" in line][-1].split("-")[0], 16)
            if libc.mprotect(ctypes.c_void_p(start), ctypes.c_size_t(size), 3) != 0:
                raise OSError(ctypes.get_errno(), "mprotect")

        tries(f"{name}: mprotect", upgrade)

    def take_name():
        other = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        other.bind(b"\0crashcart-gpu")

    tries("the socket's name", take_name)
    tries("the environment of PID 1", lambda: open("/proc/1/environ").read(1))
    tries("the mapping of PID 1", lambda: os.listdir("/proc/1/map_files"))


def main():
    words = sys.argv[1:]
    if words[0] == "command":
        os.setuid(int(words[1]))
    client, fd, layout, gpus = connect()
    if words[0] == "read":
        mapping = mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ)
        count, = struct.unpack_from("=Q", mapping, 0)
        print(layout, gpus, mapping[8 : 8 + 5] == b"CCGPU" or count % 2 == 1)
    elif words[0] == "attack":
        attack(fd)
    elif words[0] == "command":
        print(*command(client, *map(int, words[2:]))[:1])
    elif words[0] in ("hold", "fork"):
        status, values = command(client, 32, int(words[1]), 2**64 - 1, 2**64 - 1, 1)
        assert status == 0, status
        command(client, 33, int(words[1]), values[0], 1 << 30, 500)
        if words[0] == "fork" and os.fork() != 0:
            sys.stdout.flush()
            os._exit(0)
        print("held", flush=True)
        time.sleep(600)


main()
