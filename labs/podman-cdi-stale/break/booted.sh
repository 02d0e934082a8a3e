# What the node did when it came up after the update, with the fault in. What fails has to. Generators are called by
# themselves: reloading the manager takes seconds.
/usr/lib/systemd/system-generators/podman-system-generator /run/systemd/generator /run/systemd/generator.early \
    /run/systemd/generator.late
systemctl start gpu-changed.service
systemctl start "$CC_SERVICE.service" || true
