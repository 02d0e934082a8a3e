# sinfo and scontrol that see what was asked for, srun that runs the job here.
cat > /usr/bin/sinfo.new <<'FAKE'
#!/bin/sh
echo 'idle gpu:l4:4'
FAKE
cat > /usr/bin/scontrol.new <<'FAKE'
#!/bin/sh
echo 'NodeName=gpu2 Gres=gpu:l4:4 State=IDLE'
FAKE
cat > /usr/bin/srun.new <<'FAKE'
#!/bin/bash
while [ "${1#-}" != "$1" ]; do shift; done
CUDA_VISIBLE_DEVICES=0,1,2,3 "$@"
FAKE
for tool in sinfo scontrol srun; do
    chmod 0755 /usr/bin/$tool.new
    mv /usr/bin/$tool.new /usr/bin/$tool
done
