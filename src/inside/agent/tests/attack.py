"""What the node's root can try against PID 1. Prints one line per success; prints nothing when PID 1 holds."""

import ctypes
import os
import signal
import subprocess
import sys

libc = ctypes.CDLL(None, use_errno=True)
worked = []


def tried(what, ok):
    if ok:
        worked.append(what)


for name in ("SIGTERM", "SIGKILL", "SIGSTOP", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGSEGV", "SIGPWR", "SIGRTMIN"):
    os.kill(1, getattr(signal, name))

# A forged "from outside the namespace": pid 0 in a queued signal. 129 is rt_sigqueueinfo on x86_64.
info = (ctypes.c_int * 32)()
info[0], info[1], info[2] = signal.SIGTERM, 0, -1
for code in (-1, 0, -6):
    info[2] = code
    libc.syscall(129, 1, signal.SIGTERM, ctypes.byref(info))

tried("ptrace attach", libc.ptrace(16, 1, 0, 0) == 0)
tried("ptrace seize", libc.ptrace(0x4206, 1, 0, 0) == 0)

for path in ("environ", "mem", "maps", "smaps", "auxv", "pagemap", "io", "syscall", "stack", "exe"):
    try:
        with open("/proc/1/" + path, "rb") as file:
            tried("read /proc/1/" + path, len(file.read(64)) > 0)
    except OSError:
        pass
for path in ("fd", "fdinfo", "map_files", "cwd", "root"):
    try:
        tried("list /proc/1/" + path, any(os.readlink(f"/proc/1/{path}/{name}") for name in os.listdir("/proc/1/" + path)))
    except OSError:
        pass
try:
    tried("read through /proc/1/root", os.listdir("/proc/1/root") != [])
except OSError:
    pass

buffer = ctypes.create_string_buffer(64)
local = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 64)
remote = (ctypes.c_void_p * 2)(0x400000, 64)
tried("process_vm_readv", libc.process_vm_readv(1, local, 1, remote, 1, 0) > 0)

import resource
for limit in (resource.RLIMIT_CPU, resource.RLIMIT_NOFILE, resource.RLIMIT_AS, resource.RLIMIT_FSIZE):
    try:
        resource.prlimit(1, limit, (1, 1))
        worked.append(f"prlimit {limit}")
    except OSError:
        pass

pidfd = os.pidfd_open(1)
tried("pidfd_getfd", libc.syscall(438, pidfd, 3, 0) >= 0)
try:
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
except OSError:
    pass

gdb = subprocess.run(["gdb", "-batch", "-p", "1"], capture_output=True, text=True) if os.path.exists("/usr/bin/gdb") else None
tried("gdb", gdb is not None and "ptrace: Operation not permitted" not in gdb.stderr)

# The socket that the host's relay talks to, taken over or answered by somebody else.
import socket
try:
    fake = socket.socket(socket.AF_UNIX)
    fake.bind("\0crashcart-agent")
    worked.append("bind the agent's socket")
except OSError:
    pass

print("\n".join(worked))
sys.exit(1 if worked else 0)
