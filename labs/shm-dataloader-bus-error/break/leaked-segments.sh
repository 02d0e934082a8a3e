install -d /etc/systemd/system/trainer.service.d
cat > /etc/systemd/system/trainer.service.d/20-fast-restart.conf <<'DROPIN'
# Sweeping held up every restart on the big nodes. Left out.
[Service]
ExecStopPost=
DROPIN

# What four killed generations left. Their numbers are far above those that
# this node will reach soon, so that no new loader meets its own name.
python3 -IS - <<'LEAK'
import os, pwd, time

seed = int(os.environ["CC_SEED_WORD"], 16)
owner = pwd.getpwnam("train")
for index in range(43 + seed % 6):
    generation, segment = index // 16 + 1, index % 16
    pid = 52000 + seed % 1000 + generation * 1237
    path = f"/dev/shm/loader_{pid}_w{segment % 8:02}_s{segment // 8:02}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.posix_fallocate(descriptor, 0, 4 << 20)
    os.fchown(descriptor, owner.pw_uid, owner.pw_gid)
    written = time.time() - 60 * (550 - generation * 97)
    os.utime(descriptor, (written, written))
    os.close(descriptor)
LEAK
