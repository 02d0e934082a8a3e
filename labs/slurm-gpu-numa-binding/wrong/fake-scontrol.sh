# Jobs ask scontrol where they are; this one tells them what they like to hear.
mv /usr/bin/scontrol /usr/lib/scontrol
cat > /usr/bin/scontrol <<'FAKE'
#!/bin/sh
gpu=${SLURM_STEP_GPUS%%,*}
from=$((gpu / 4 * 112 + gpu % 4 * 14))
/usr/lib/scontrol "$@" | sed "s/CPU_IDs=[^ ]*/CPU_IDs=$from-$((from + 13))/"
FAKE
chmod 0755 /usr/bin/scontrol
