# People can work again. Nobody looked at the service.
printf '#!/bin/sh\nexec nvidia-ctk --quiet cdi generate --output /run/cdi/nvidia.yaml\n' > /etc/gpu-changed.d/50-cdi
gpu-changed
