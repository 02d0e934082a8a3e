# A data disk, a service that trains from it and checkpoints to it, and what the
# installer sets for both.
disk=/dev/disk/by-id/virtio-data0
udevadm wait --timeout=30 $disk
mkfs.ext4 -q -L data -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 -J size=16 $disk
install -d /data /etc/trainer /opt/trainer/bin
echo "$disk /data ext4 defaults,nofail 0 2" >> /etc/fstab
systemctl daemon-reload
mount /data
useradd --system --no-create-home --shell /usr/sbin/nologin train
install -d -o train -g train /data/checkpoints
head -c 96M /dev/urandom > /data/records.bin
chown train: /data/records.bin

cat > /etc/sysctl.d/40-writeback.conf <<'SYSCTL'
# What may be written ahead, in bytes: the same on nodes of every size.
vm.dirty_background_bytes = 25165824
vm.dirty_bytes = 100663296
vm.dirty_writeback_centisecs = 500
SYSCTL
cat > /etc/udev/rules.d/61-data-disk.rules <<'RULES'
# The data disk is read in long strides and has its own order.
ACTION=="add|change", SUBSYSTEM=="block", ENV{DEVTYPE}=="disk", ENV{ID_SERIAL}=="data0", ATTR{queue/scheduler}="mq-deadline", ATTR{queue/read_ahead_kb}="1024"
RULES
touch -d '-90 days' /etc/sysctl.d/40-writeback.conf /etc/udev/rules.d/61-data-disk.rules

cat > /etc/trainer/trainer.conf <<CONF
# Recipe. Belongs to the researchers.
[checkpoint]
every_s = $CC_PERIOD
size_mib = 128
CONF

cat > /opt/trainer/bin/trainerd <<'TRAINER'
#!/usr/bin/python3 -IS
"""Reads records from the data disk, and writes a checkpoint there every few seconds."""
import configparser, json, os, random, signal, threading, time

settings = configparser.ConfigParser()
settings.read("/etc/trainer/trainer.conf")
every, size = settings.getint("checkpoint", "every_s"), settings.getint("checkpoint", "size_mib")
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
done = {"pid": os.getpid(), "batches": 0, "checkpoints": 0}
records = os.open("/data/records.bin", os.O_RDONLY)
blocks = os.fstat(records).st_size >> 18


def load():
    while True:
        at = random.randrange(blocks) << 18
        os.posix_fadvise(records, at, 1 << 18, os.POSIX_FADV_DONTNEED)
        began = time.monotonic()
        os.pread(records, 1 << 18, at)
        took = (time.monotonic() - began) * 1000
        done["batches"] += 1
        if took > 400:
            print(f"loader: batch {done['batches']} waited {took:.0f} ms for the data disk", flush=True)
        time.sleep(0.3)


threading.Thread(target=load, daemon=True).start()
piece = os.urandom(1 << 20)
while True:
    begin = time.monotonic()
    path = f"/data/checkpoints/{done['checkpoints'] % 2}.ckpt"
    with open(path + ".new", "wb", buffering=0) as file:
        for _ in range(size):
            file.write(piece)
            time.sleep(0.002)
    os.rename(path + ".new", path)
    done["checkpoints"] += 1
    took = time.monotonic() - begin
    print(f"checkpoint {done['checkpoints']}: {size} MiB in {took:.1f} s", flush=True)
    with open("/run/trainer/.status", "w") as file:
        json.dump(done, file)
    os.rename("/run/trainer/.status", "/run/trainer/status.json")
    time.sleep(max(2, every - took))
TRAINER
chmod 0755 /opt/trainer/bin/trainerd

cat > /opt/trainer/README <<'README'
House rules for the data disk and for what is written ahead

* Background writeback begins between 1 and 32 MiB of written data. A writer is
  held up between 16 and 128 MiB: later is too much debt for the disk, earlier
  makes every write wait. /proc/vmstat says what the kernel has made of the
  settings: nr_dirty_background_threshold and nr_dirty_threshold, in pages of 4 KiB.
* The flusher looks for old data every 1 to 15 seconds.
* The data disk (virtio-data0, on /data) has the scheduler none or mq-deadline
  and reads 512 KiB ahead at least. The root disk is as Debian has it.
* /data is mounted with the options that fstab gives it: a power failure may cost
  a checkpoint, never the file system.
* /etc/trainer/trainer.conf is the recipe and /opt the release: neither is tuned.
* All of this holds again after a restart, without anybody's help.
README

cat > /etc/systemd/system/trainer.service <<'UNIT'
[Unit]
Description=Trainer
RequiresMountsFor=/data

[Service]
User=train
RuntimeDirectory=trainer
ExecStart=/opt/trainer/bin/trainerd
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
UNIT
