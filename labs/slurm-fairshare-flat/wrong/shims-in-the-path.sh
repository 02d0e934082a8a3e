# Tools that tell the one who asks what he wants to hear.
for tool in squeue sbatch sshare scontrol; do
    printf '#!/bin/sh\necho "$@"\n' > /usr/local/bin/$tool
    chmod 0755 /usr/local/bin/$tool
done
