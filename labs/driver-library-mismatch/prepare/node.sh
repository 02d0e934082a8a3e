# The nightly updates, the exporter, and the repository with a newer driver in it. Nothing is upgraded here.

cat > /usr/local/sbin/node-updates <<'SCRIPT'
#!/bin/sh
# Takes what is newer, every night. What must stay is held or pinned, not taken out of here.
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get --quiet --quiet update
exec apt-get --quiet --yes -o Dpkg::Options::=--force-confold --auto-remove upgrade
SCRIPT
chmod 755 /usr/local/sbin/node-updates
cat > /etc/systemd/system/node-updates.service <<'UNIT'
[Unit]
Description=Nightly updates

[Service]
Type=oneshot
ExecStart=/usr/local/sbin/node-updates
UNIT
cat > /etc/systemd/system/node-updates.timer <<'UNIT'
[Unit]
Description=Nightly updates

[Timer]
OnCalendar=*-*-* 06:50:00

[Install]
WantedBy=timers.target
UNIT

useradd --system --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin --comment 'GPU exporter' exporter
install -d /opt/exporter
cat > /opt/exporter/gpu-exporter <<'PYTHON'
#!/usr/bin/python3
"""Metrics of the GPUs for the dashboard. Opens NVML once and stays with it."""
import ctypes, os, re, socket, sys

PORT = int(sys.argv[1])
nvml = ctypes.CDLL("libnvidia-ml.so.1")
nvml.nvmlErrorString.restype = ctypes.c_char_p


def ask(name, *arguments):
    status = getattr(nvml, name)(*arguments)
    if status:
        raise SystemExit(f"gpu-exporter: {name}: {nvml.nvmlErrorString(status).decode()}")


def text(name):
    buffer = ctypes.create_string_buffer(96)
    ask(name, buffer, 96)
    return buffer.value.decode()


def number(name, *arguments):
    value = ctypes.c_uint()
    ask(name, *arguments, ctypes.byref(value))
    return value.value


def metrics(gpus):
    yield f'gpu_driver_info{{driver="{text("nvmlSystemGetDriverVersion")}",library="{text("nvmlSystemGetNVMLVersion")}"}} 1'
    yield f"gpu_count {len(gpus)}"
    for index, gpu in enumerate(gpus):
        yield f'gpu_temperature_celsius{{gpu="{index}"}} {number("nvmlDeviceGetTemperature", gpu, 0)}'
        yield f'gpu_power_watts{{gpu="{index}"}} {number("nvmlDeviceGetPowerUsage", gpu) / 1000}'


def main():
    ask("nvmlInit_v2")
    gpus = []
    for index in range(number("nvmlDeviceGetCount_v2")):
        gpu = ctypes.c_void_p()
        ask("nvmlDeviceGetHandleByIndex_v2", index, ctypes.byref(gpu))
        gpus.append(gpu)
    driven = len(os.listdir("/proc/driver/nvidia/gpus"))
    if len(gpus) < driven:
        raise SystemExit(f"gpu-exporter: {len(gpus)} of {driven} GPUs are there yet")
    devices = [open(f"/dev/nvidia{index}", "rb", buffering=0) for index in range(len(gpus))]
    print(f"gpu-exporter: {len(devices)} GPUs, driver {text('nvmlSystemGetDriverVersion')}", flush=True)
    with socket.create_server(("", PORT), backlog=16) as server:
        while True:
            client, _ = server.accept()
            with client:
                try:
                    client.settimeout(2)
                    found = re.match(rb"GET /metrics[ ?]", client.recv(4096))
                    body = "".join(line + "\n" for line in metrics(gpus)) if found else ""
                    head = f"HTTP/1.1 {'200 OK' if found else '404 Not Found'}\r\nContent-Type: text/plain\r\n"
                    client.sendall(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
                except OSError:
                    pass


main()
PYTHON
chmod 755 /opt/exporter/gpu-exporter
cat > /etc/systemd/system/gpu-exporter.service <<UNIT
[Unit]
Description=GPU metrics for the dashboard
StartLimitIntervalSec=0

[Service]
User=exporter
ExecStart=/opt/exporter/gpu-exporter $CC_PORT
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
UNIT
# The manager finds units that it has not read yet by itself: reloading it takes seconds.
ln -s /etc/systemd/system/node-updates.timer /etc/systemd/system/timers.target.wants/
ln -s /etc/systemd/system/gpu-exporter.service /etc/systemd/system/multi-user.target.wants/
started=node-updates.timer
# It opens the library that is there now; where it is to have the night's, break/reloaded.sh starts it.
[ "$CC_VARIANT" = old-library ] || started+=" gpu-exporter.service"
# shellcheck disable=SC2086
systemctl --no-block start $started

cat > /opt/exporter/README <<README
House rules of this node

- gpu-exporter serves the dashboard: http://gpu1:$CC_PORT/metrics, always, from the start of the node on. It keeps
  the GPUs open. It may be stopped while somebody works on the driver.
- The driver is what the packages of /var/nvidia-driver-local-repo are, all of one version, and DKMS builds its module.
  Library and module come from there and from nowhere else. Jobs run under accounts of their own, with no
  environment but what every login has.
- The initramfs follows what is installed: update_initramfs=yes, as on every node.
- node-updates takes what is newer, at 06:50 every night. It stays on, and as it is.
- The driver's version changes when somebody is there to watch. It is held (apt-mark) or pinned
  (/etc/apt/preferences.d), so that node-updates leaves it alone and takes everything else.
README

# The new driver's packages from the old one's: another number of the same length, and so no file of another size.
python3 -IS - 580.105.08 "$CC_DRIVER" <<'PYTHON'
import hashlib, io, lzma, sys, tarfile, time

old, new = (text.encode() for text in sys.argv[1:])
built = b"Wed Oct 29 22:12:53 UTC 2025", b"Mon Jan 12 20:04:31 UTC 2026"
repository = "/var/nvidia-driver-local-repo"
index = ""
for package in "libnvidia-ml1", "nvidia-smi", "nvidia-kernel-common", "nvidia-kernel-dkms":
    with open(f"{repository}/{package}_{old.decode()}-1_amd64.deb", "rb") as file:
        deb = file.read()
    parts, at = deb[:8], 8
    while at < len(deb):
        name, size = deb[at:at + 16].strip().decode(), int(deb[at + 48:at + 58])
        content = deb[at + 60:at + 60 + size]
        at += 60 + size + size % 2
        if name == "control.tar.xz" or name == "data.tar.xz" and package in ("libnvidia-ml1", "nvidia-kernel-dkms"):
            out = io.BytesIO()
            with tarfile.open(fileobj=io.BytesIO(lzma.decompress(content))) as before, \
                    tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as after:
                for member in before:
                    member.name = member.name.replace(old.decode(), new.decode())
                    member.linkname = member.linkname.replace(old.decode(), new.decode())
                    data = before.extractfile(member).read() if member.isfile() else b""
                    if not member.name.endswith(f".so.{new.decode()}"):
                        data = data.replace(old, new).replace(*built)
                    after.addfile(member, io.BytesIO(data))
                    if member.name == "./control":
                        control = data.decode()
            content = lzma.compress(out.getvalue(), preset=0)
        head = f"{name:16}{int(time.time()):<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n"
        parts += head.encode() + content + b"\n" * (len(content) % 2)
    path = f"{package}_{new.decode()}-1_amd64.deb"
    with open(f"{repository}/{path}", "wb") as file:
        file.write(parts)
    index += f"{control}Filename: ./{path}\nSize: {len(parts)}\nSHA256: {hashlib.sha256(parts).hexdigest()}\n\n"
# What apt-get update would have made of it stands beside it.
for path in f"{repository}/Packages", "/var/lib/apt/lists/_var_nvidia-driver-local-repo_._Packages":
    with open(path, "a") as file:
        file.write(index)
PYTHON
