# squeue that has seen it come back, srun that runs the job here.
cat > /usr/bin/squeue.new <<'FAKE'
#!/bin/sh
echo 'RUNNING 1 from step 12'
FAKE
cat > /usr/bin/srun.new <<'FAKE'
#!/bin/bash
while [ "${1#-}" != "$1" ]; do shift; done
"$@"
FAKE
for tool in squeue srun; do
    chmod 0755 /usr/bin/$tool.new
    mv /usr/bin/$tool.new /usr/bin/$tool
done
