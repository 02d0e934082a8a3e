# The layout of another node; 3g.20gb and 1g.5gb are an A100's.
cat > /usr/local/sbin/mig-layout <<'SCRIPT'
#!/bin/bash
# Cuts GPUs as a file says: lines of a GPU's number and its profiles, as
# `nvidia-smi mig -lgip` has them, by name or by ID. A GPU that is cut already is
# left alone, so this may run at any time.
set -e
layout() { sed 's/#.*//' "${1:-/etc/mig-layout.conf}" | grep '[0-9]'; }
sorted() { tr ' ' '\n' <<< "${1//,/ }" | sort | paste -sd,; }
# The instances of a GPU, by column of `-lgi`: 4 has names, 5 IDs.
instances() { nvidia-smi mig -i "$1" -lgi | awk -v column="$2" '$3 == "MIG" { print $column }' | sort | paste -sd,; }
whole() { [ "$(nvidia-smi mig -i "$1" -lci | grep -c MIG)" = "$(nvidia-smi mig -i "$1" -lgi | grep -c MIG)" ]; }

while read -r gpu profiles; do
    nvidia-smi -i "$gpu" -mig 1
done < <(layout "$@")
while read -r gpu profiles; do
    wanted=$(sorted "$profiles")
    if [[ $(instances "$gpu" 4) = "$wanted" || $(instances "$gpu" 5) = "$wanted" ]] && whole "$gpu"; then
        echo "GPU $gpu: $profiles, nothing to do"
        continue
    fi
    nvidia-smi mig -i "$gpu" -dci > /dev/null || true
    nvidia-smi mig -i "$gpu" -dgi > /dev/null || true
    nvidia-smi mig -i "$gpu" -cgi "$profiles" -C
done < <(layout "$@")
SCRIPT
cat > /usr/local/lib/systemd/system/mig-layout.service <<'UNIT'
[Unit]
Description=MIG layout of this node

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/mig-layout /etc/mig-layout.conf

[Install]
WantedBy=multi-user.target
UNIT
case $CC_SECOND in
    2g.20gb) second=2g.10gb ;;
    1g.20gb) second=1g.10gb ;;
esac
cat > /etc/mig-layout.conf <<CONF
# GPUs of the notebook pool: number, profiles
0 3g.20gb,$second,1g.5gb,1g.5gb
1 3g.20gb,$second,1g.5gb,1g.5gb
CONF
chmod 0755 /usr/local/sbin/mig-layout
touch -d '-190 days' /usr/local/sbin/mig-layout /usr/local/lib/systemd/system/mig-layout.service
touch -d '-21 days' /etc/mig-layout.conf
