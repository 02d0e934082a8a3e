# sinfo that sees two idle nodes, srun that runs the job once for each of them here.
cat > /usr/bin/sinfo.new <<'FAKE'
#!/bin/sh
printf 'gpu1 idle\ngpu2 idle\n'
FAKE
cat > /usr/bin/srun.new <<'FAKE'
#!/bin/bash
while [ "${1#-}" != "$1" ]; do shift; done
"$@"; "$@"
FAKE
for tool in sinfo srun; do
    chmod 0755 /usr/bin/$tool.new
    mv /usr/bin/$tool.new /usr/bin/$tool
done
