# The layout tool, rewritten, and without what makes a slice usable.
cat > /usr/local/sbin/mig-layout <<'SCRIPT'
#!/bin/bash
# Cuts GPUs as a file says: lines of a GPU's number and its profiles, as
# `nvidia-smi mig -lgip` has them, by name or by ID. A GPU that is cut already is
# left alone, so this may run at any time.
# v2: shorter; what is in an instance is no business of the layout.
set -e
layout() { sed 's/#.*//' "${1:-/etc/mig-layout.conf}" | grep '[0-9]'; }
sorted() { tr ' ' '\n' <<< "${1//,/ }" | sort | paste -sd,; }
# The instances of a GPU, by column of `-lgi`: 4 has names, 5 IDs.
instances() { nvidia-smi mig -i "$1" -lgi | awk -v column="$2" '$3 == "MIG" { print $column }' | sort | paste -sd,; }

while read -r gpu profiles; do
    nvidia-smi -i "$gpu" -mig 1
done < <(layout "$@")
while read -r gpu profiles; do
    wanted=$(sorted "$profiles")
    if [[ $(instances "$gpu" 4) = "$wanted" || $(instances "$gpu" 5) = "$wanted" ]]; then
        echo "GPU $gpu: $profiles, nothing to do"
        continue
    fi
    nvidia-smi mig -i "$gpu" -dgi > /dev/null || true
    nvidia-smi mig -i "$gpu" -cgi "$profiles"
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
cat > /etc/mig-layout.conf <<CONF
# GPUs of the notebook pool: number, profiles
0 3g.40gb,$CC_SECOND,1g.10gb,1g.10gb
1 3g.40gb,$CC_SECOND,1g.10gb,1g.10gb
CONF
chmod 0755 /usr/local/sbin/mig-layout
touch -d '-190 days' /etc/mig-layout.conf /usr/local/lib/systemd/system/mig-layout.service
touch -d '-16 days' /usr/local/sbin/mig-layout
