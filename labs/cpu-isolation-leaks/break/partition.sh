# Isolated by cpuset: the engine's slice is a partition.
cat > /etc/systemd/system/engine.slice <<'UNIT'
[Unit]
Description=The engine's own processors

[Slice]
AllowedCPUs=2-3
UNIT
install -d /etc/systemd/system/engine.service.d
cat > /etc/systemd/system/engine.service.d/10-cores.conf <<'DROPIN'
[Service]
Slice=engine.slice
ExecStartPre=+/usr/local/sbin/engine-cores
DROPIN
touch -d '-40 days' /etc/systemd/system/engine.slice /etc/systemd/system/engine.service.d/10-cores.conf
