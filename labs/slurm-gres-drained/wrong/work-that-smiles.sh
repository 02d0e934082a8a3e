# A GPU program that is content with anything.
printf '#!/bin/sh\nexit 0\n' > /usr/bin/gpu-work
chmod 0755 /usr/bin/gpu-work
