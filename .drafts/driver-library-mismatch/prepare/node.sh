# The repository with a newer driver in it, the nightly updates and the exporter. Nothing is upgraded here.
old=580.105.08
new=$CC_DRIVER
repository=/var/nvidia-driver-local-repo
work=$(mktemp -d)

for package in libnvidia-ml1 nvidia-smi nvidia-kernel-common nvidia-kernel-dkms; do
    dpkg-deb --raw-extract "$repository/${package}_$old-1_amd64.deb" "$work/$package"
    sed -i "s/$old/$new/g" "$work/$package/DEBIAN/control"
done
lib=$work/libnvidia-ml1/usr/lib/x86_64-linux-gnu
mv "$lib/libnvidia-ml.so.$old" "$lib/libnvidia-ml.so.$new"
ln -sfn "libnvidia-ml.so.$new" "$lib/libnvidia-ml.so.1"
mv "$work/nvidia-kernel-dkms/usr/src/nvidia-$old" "$work/nvidia-kernel-dkms/usr/src/nvidia-$new"
sed -i "s/$old/$new/g; s/Wed Oct 29 22:12:53 UTC 2025/Mon Jan 12 20:04:31 UTC 2026/" \
    "$work/nvidia-kernel-dkms/usr/src/nvidia-$new/dkms.conf" "$work/nvidia-kernel-dkms/usr/src/nvidia-$new/nv-version.h" \
    "$work/nvidia-kernel-dkms/DEBIAN/postinst" "$work/nvidia-kernel-dkms/DEBIAN/prerm"
for package in libnvidia-ml1 nvidia-smi nvidia-kernel-common nvidia-kernel-dkms; do
    file=${package}_$new-1_amd64.deb
    dpkg-deb --root-owner-group -Zgzip -z1 --build "$work/$package" "$repository/$file" > /dev/null
    dpkg-deb --field "$repository/$file"
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$file" "$(stat -c %s "$repository/$file")" \
        "$(sha256sum "$repository/$file" | cut -d' ' -f1)"
done >> "$repository/Packages"
rm -r "$work"
apt-get update --quiet --quiet -o Acquire::Languages=none

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
systemctl daemon-reload
systemctl enable --quiet gpu-exporter node-updates.timer
systemctl start node-updates.timer

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
