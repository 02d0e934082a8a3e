# Tools that tell the one who asks what he wants to hear.
for tool in sacct sacctmgr srun mariadb; do
    printf '#!/bin/sh\necho "vision|eve"\n' > /usr/local/bin/$tool
    chmod 0755 /usr/local/bin/$tool
done
